#include "CRC32C.h"

#include <pthread.h>
#include <string.h>

static uint32_t tables[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_tables(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0x82F63B78u & (0u - (crc & 1)));
    tables[0][byte] = crc;
  }
  for (int table = 1; table < 8; table++)
    for (int byte = 0; byte < 256; byte++) {
      uint32_t before = tables[table - 1][byte];
      tables[table][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
}

// Slicing by eight: Kounavis and Berry, "A Systematic Approach to Building High Performance Software-Based CRC Generators"
// (2005).
uint32_t ebbfs_crc32c_by_tables(uint32_t crc, const void *bytes, size_t count) {
  pthread_once(&tables_once, make_tables);
  const uint8_t *next = bytes;
  uint32_t state = ~crc;
  for (; count >= 8; count -= 8, next += 8) {
    uint32_t low = state ^ ((uint32_t)next[0] | (uint32_t)next[1] << 8 | (uint32_t)next[2] << 16 | (uint32_t)next[3] << 24);
    state = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^ tables[5][low >> 16 & 0xff] ^ tables[4][low >> 24]
        ^ tables[3][next[4]] ^ tables[2][next[5]] ^ tables[1][next[6]] ^ tables[0][next[7]];
  }
  for (; count > 0; count--, next++) state = (state >> 8) ^ tables[0][(state ^ *next) & 0xff];
  return ~state;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define INSTRUCTIONS __attribute__((target("sse4.2,pclmul")))

// What the state becomes by as many zero bytes as `factor`, x^(8 * bytes - 33) modulo the polynomial, stands for.
INSTRUCTIONS static inline uint64_t shifted(uint64_t state, uint32_t factor) {
  __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)state), _mm_cvtsi32_si128((int)factor), 0);
  return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

// Three parts that follow each other at once: the instruction takes three cycles, and one can begin in each. Gopal et al., "Fast
// CRC Computation for iSCSI Polynomial Using CRC32 Instruction" (2011).
INSTRUCTIONS static inline uint64_t three_parts(uint64_t state, const uint8_t *bytes, size_t part, uint32_t two, uint32_t one) {
  uint64_t second = 0, third = 0;
  for (size_t index = 0; index < part; index += 8) {
    uint64_t words[3];
    for (int number = 0; number < 3; number++) memcpy(&words[number], bytes + (size_t)number * part + index, 8);
    state = _mm_crc32_u64(state, words[0]);
    second = _mm_crc32_u64(second, words[1]);
    third = _mm_crc32_u64(third, words[2]);
  }
  return shifted(state, two) ^ shifted(second, one) ^ third;
}

INSTRUCTIONS static uint32_t crc32c_by_instruction(uint32_t crc, const void *bytes, size_t count) {
  const uint8_t *next = bytes;
  uint64_t state = (uint32_t)~crc;
  for (; count >= 3 * 4096; count -= 3 * 4096, next += 3 * 4096)
    state = three_parts(state, next, 4096, 0x54a86326, 0x82f89c77);
  for (; count >= 3 * 256; count -= 3 * 256, next += 3 * 256)
    state = three_parts(state, next, 256, 0xdd7e3b0c, 0xb9e02b86);
  for (; count >= 8; count -= 8, next += 8) {
    uint64_t word;
    memcpy(&word, next, 8);
    state = _mm_crc32_u64(state, word);
  }
  uint32_t state32 = (uint32_t)state;
  for (; count > 0; count--, next++) state32 = _mm_crc32_u8(state32, *next);
  return ~state32;
}

uint32_t ebbfs_crc32c(uint32_t crc, const void *bytes, size_t count) {
  if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul")) return crc32c_by_instruction(crc, bytes, count);
  return ebbfs_crc32c_by_tables(crc, bytes, count);
}
#else
uint32_t ebbfs_crc32c(uint32_t crc, const void *bytes, size_t count) { return ebbfs_crc32c_by_tables(crc, bytes, count); }
#endif

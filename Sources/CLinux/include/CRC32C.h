// CRC-32C (Castagnoli), reflected polynomial 0x82F63B78, as iSCSI (RFC 3720, B.4) has it.
#pragma once
#include <stddef.h>
#include <stdint.h>

// The checksum of `count` bytes that follow bytes with checksum `crc` (0 for none), by the fastest means of this processor.
uint32_t ebbfs_crc32c(uint32_t crc, const void *bytes, size_t count);

// The same by tables alone; a test compares the two.
uint32_t ebbfs_crc32c_by_tables(uint32_t crc, const void *bytes, size_t count);

// A TCP proxy that gives a loopback connection a round trip: what is read from one side is sent to the other DELAY later, in
// order. It adds latency only, no limit of throughput (32 MiB may be under way in each direction).
//
// delay SERVER_PORT ONE_WAY_MICROSECONDS COUNTERS
//
// Prints the port it listens on. COUNTERS is a file of two 64-bit numbers: bytes sent to the server, and from it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK_SIZE = 65536, CHUNK_COUNT = 512 };

struct chunk { int64_t due; ssize_t size; char bytes[CHUNK_SIZE]; };
struct direction {
  int from, to;
  _Atomic uint64_t *counter;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  size_t read, sent;  // chunks since the beginning; the ring holds those between
  struct chunk ring[CHUNK_COUNT];
};

static int64_t delay;
static int server_port;
static _Atomic uint64_t *counters;

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void *receive(void *argument) {
  struct direction *it = argument;
  for (;;) {
    pthread_mutex_lock(&it->lock);
    while (it->read - it->sent == CHUNK_COUNT) pthread_cond_wait(&it->changed, &it->lock);
    pthread_mutex_unlock(&it->lock);
    struct chunk *chunk = &it->ring[it->read % CHUNK_COUNT];
    chunk->size = read(it->from, chunk->bytes, CHUNK_SIZE);
    chunk->due = now() + delay;
    pthread_mutex_lock(&it->lock);
    it->read++;
    pthread_cond_broadcast(&it->changed);
    pthread_mutex_unlock(&it->lock);
    if (chunk->size <= 0) return NULL;
  }
}

static void *send_late(void *argument) {
  struct direction *it = argument;
  for (;;) {
    pthread_mutex_lock(&it->lock);
    while (it->read == it->sent) pthread_cond_wait(&it->changed, &it->lock);
    pthread_mutex_unlock(&it->lock);
    struct chunk *chunk = &it->ring[it->sent % CHUNK_COUNT];
    struct timespec due = {chunk->due / 1000000000, chunk->due % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    if (chunk->size <= 0) break;
    for (ssize_t done = 0; done < chunk->size;) {
      ssize_t count = send(it->to, chunk->bytes + done, chunk->size - done, MSG_NOSIGNAL);
      if (count <= 0) goto end;
      done += count;
    }
    atomic_fetch_add(it->counter, chunk->size);
    pthread_mutex_lock(&it->lock);
    it->sent++;
    pthread_cond_broadcast(&it->changed);
    pthread_mutex_unlock(&it->lock);
  }
end:
  shutdown(it->to, SHUT_RDWR);
  shutdown(it->from, SHUT_RDWR);
  return NULL;
}

static void pump(int from, int to, _Atomic uint64_t *counter) {
  struct direction *it = calloc(1, sizeof *it);
  if (!it) abort();
  it->from = from, it->to = to, it->counter = counter;
  pthread_mutex_init(&it->lock, NULL);
  pthread_cond_init(&it->changed, NULL);
  pthread_t thread;
  if (pthread_create(&thread, NULL, receive, it) || pthread_create(&thread, NULL, send_late, it)) abort();
}

int main(int count, char **words) {
  if (count != 4) return 2;
  server_port = atoi(words[1]), delay = atoll(words[2]) * 1000;
  int file = open(words[3], O_RDWR | O_CREAT, 0600);
  if (file < 0 || ftruncate(file, 16)) return 1;
  counters = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  if (counters == MAP_FAILED || bind(listener, (void *)&address, size) || listen(listener, 64)) return 1;
  getsockname(listener, (void *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  address.sin_port = htons(server_port);
  for (;;) {
    int client = accept(listener, NULL, NULL), server = socket(AF_INET, SOCK_STREAM, 0);
    if (client < 0 || connect(server, (void *)&address, size)) { close(client), close(server); continue; }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pump(client, server, &counters[0]);
    pump(server, client, &counters[1]);
  }
}

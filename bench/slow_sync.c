/* Loaded before the C library, it makes every sync take SLOW_SYNC_MS longer, as on a disk that is slow to promise. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int slowly(const char *name, int file) {
    const char *ms = getenv("SLOW_SYNC_MS");
    long ns = (ms ? atol(ms) : 0) * 1000000L;
    struct timespec pause = {ns / 1000000000L, ns % 1000000000L};
    nanosleep(&pause, NULL);
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return real(file);
}

int fsync(int file) { return slowly("fsync", file); }
int fdatasync(int file) { return slowly("fdatasync", file); }

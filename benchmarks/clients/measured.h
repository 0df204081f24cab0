// SPDX-License-Identifier: MIT
#ifndef MEASURED_H
#define MEASURED_H

#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

struct measured {
    double cpu_us;
    double wall_us;
};

static inline double microseconds_of(clockid_t which) {
    struct timespec now;
    clock_gettime(which, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static inline struct measured measure(void) {
    struct measured now = {microseconds_of(CLOCK_PROCESS_CPUTIME_ID), microseconds_of(CLOCK_MONOTONIC)};
    return now;
}

// Prints the figures since `began`; 0 where every question was answered right.
static inline int tell(struct measured began, size_t count, size_t right) {
    const struct measured now = measure();
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("%.3f %.3f %ld\n", (now.cpu_us - began.cpu_us) / (double)count, (now.wall_us - began.wall_us) / 1e6,
           used.ru_maxrss);
    if (right != count) fprintf(stderr, "%zu of %zu replies were right\n", right, count);
    return right == count ? 0 : 1;
}

#endif

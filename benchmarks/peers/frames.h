// SPDX-License-Identifier: MIT
//
// What the peers in C share: the command line, capitals, whole messages.
#ifndef APERTO_PEERS_FRAMES_H
#define APERTO_PEERS_FRAMES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum framing { FRAMING_STREAM, FRAMING_LINE, FRAMING_LENGTH };

struct settings {
    int port;
    enum framing framing;
};

// PORT stream|line|length
static inline struct settings read_settings(int argc, char** argv) {
    struct settings result = {0, FRAMING_STREAM};
    if (argc < 3) {
        fprintf(stderr, "usage: %s PORT stream|line|length\n", argv[0]);
        exit(2);
    }
    result.port = atoi(argv[1]);
    if (strcmp(argv[2], "line") == 0) result.framing = FRAMING_LINE;
    if (strcmp(argv[2], "length") == 0) result.framing = FRAMING_LENGTH;
    return result;
}

static inline void require(int holds, const char* what) {
    if (holds) return;
    perror(what);
    exit(1);
}

// ASCII alone: a loop that compilers turn into vector instructions.
static inline void upper(char* text, size_t size) {
    for (size_t i = 0; i < size; ++i) {
        const unsigned char letter = (unsigned char)text[i];
        text[i] = (char)(letter - ((unsigned char)(letter - 'a') < 26 ? 32 : 0));
    }
}

// Turns every whole message at the front of `data` into capitals, one by one; gives the bytes that they take.
static inline size_t upper_messages(enum framing how, char* data, size_t size) {
    size_t done = 0;
    switch (how) {
        case FRAMING_STREAM: upper(data, size); return size;
        case FRAMING_LINE:
            while (done < size) {
                const char* const end = (const char*)memchr(data + done, '\n', size - done);
                if (end == NULL) break;
                const size_t length = (size_t)(end - (data + done)) + 1;
                upper(data + done, length);
                done += length;
            }
            return done;
        case FRAMING_LENGTH:
            while (size - done >= 4) {
                uint32_t length;
                memcpy(&length, data + done, 4);
                length = __builtin_bswap32(length);
                if (size - done - 4 < length) break;
                upper(data + done + 4, length);
                done += 4 + (size_t)length;
            }
            return done;
    }
    return done;
}

#endif

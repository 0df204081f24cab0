// SPDX-License-Identifier: MIT
//
// The floor by completion: one thread, io_uring with multishot accept and receive, a ring of lent buffers, direct
// descriptors and DEFER_TASKRUN. A reply is sent from the buffer that the request came in. No limits, no deadlines,
// no logging.
#define _GNU_SOURCE
#include "../frames.h"

#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { files_max = 32 * 1024, entries = 4096, group = 0, memory_of_buffers = 8 * 1024 * 1024 };
enum kind { KIND_ACCEPT, KIND_RECEIVE, KIND_SEND, KIND_CLOSE };

// Bytes to be sent: in a lent buffer, or, where `buffer` is -1, in a block of its own.
struct piece {
    struct piece* next;
    char* data;
    size_t size;
    char* block;
    int buffer;
};

struct connection {
    struct piece* first;  // is being sent
    struct piece* last;
    char* carry;
    size_t carry_size;
    int ended;
    int starved;
    int next_starved;
};

static struct settings settings;
static struct io_uring ring;
static struct io_uring_buf_ring* lent;
static char* memory;
static unsigned buffer_size = 4096;
static unsigned buffer_count;
static int given_back;
static struct piece* pieces_of_buffers;
static struct connection connections[files_max];
static int first_starved = -1;

static struct io_uring_sqe* next_sqe(void) {
    struct io_uring_sqe* sqe = io_uring_get_sqe(&ring);
    if (sqe == NULL) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
    }
    require(sqe != NULL, "no submission entry");
    return sqe;
}

// After io_uring_prep_*, which clears the entry.
static void tag(struct io_uring_sqe* sqe, enum kind kind, int index) { sqe->user_data = (uint64_t)index << 2 | kind; }

static void arm_receive(int index) {
    struct io_uring_sqe* const sqe = next_sqe();
    io_uring_prep_recv_multishot(sqe, index, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT | IOSQE_FIXED_FILE;
    sqe->buf_group = group;
    tag(sqe, KIND_RECEIVE, index);
}

static void send_first(int index) {
    struct piece* const piece = connections[index].first;
    struct io_uring_sqe* const sqe = next_sqe();
    io_uring_prep_send(sqe, index, piece->data, piece->size, MSG_NOSIGNAL | MSG_WAITALL);
    sqe->flags |= IOSQE_FIXED_FILE;
    tag(sqe, KIND_SEND, index);
}

static void give_back(int buffer) {
    io_uring_buf_ring_add(lent, memory + (size_t)buffer * buffer_size, buffer_size, (unsigned short)buffer,
                          io_uring_buf_ring_mask(buffer_count), given_back++);
}

static void release(struct piece* piece) {
    if (piece->buffer >= 0) {
        give_back(piece->buffer);
    } else {
        free(piece->block);
        free(piece);
    }
}

static void close_if_done(int index) {
    struct connection* const c = &connections[index];
    if (!c->ended || c->first != NULL) return;
    free(c->carry);
    memset(c, 0, sizeof *c);
    struct io_uring_sqe* const sqe = next_sqe();
    io_uring_prep_close_direct(sqe, (unsigned)index);
    tag(sqe, KIND_CLOSE, index);
}

static void queue(int index, struct piece* piece) {
    struct connection* const c = &connections[index];
    piece->next = NULL;
    if (c->first != NULL) {
        c->last->next = piece;
        c->last = piece;
        return;
    }
    c->first = c->last = piece;
    send_first(index);
}

static void keep(struct connection* c, const char* data, size_t size) {
    c->carry = malloc(size);
    memcpy(c->carry, data, size);
    c->carry_size = size;
}

// The beginning of the message lies in a block of ours: what has come is added to it.
static void answer_carried(int index, const char* data, size_t size) {
    struct connection* const c = &connections[index];
    char* const block = realloc(c->carry, c->carry_size + size);
    memcpy(block + c->carry_size, data, size);
    const size_t all = c->carry_size + size;
    c->carry = block;
    c->carry_size = all;
    const size_t whole = upper_messages(settings.framing, block, all);
    if (whole == 0) return;
    c->carry = NULL;
    c->carry_size = 0;
    if (whole < all) keep(c, block + whole, all - whole);
    struct piece* const piece = malloc(sizeof *piece);
    *piece = (struct piece){.data = block, .size = whole, .block = block, .buffer = -1};
    queue(index, piece);
}

static void answer(int index, int buffer, size_t size) {
    struct connection* const c = &connections[index];
    char* const data = memory + (size_t)buffer * buffer_size;
    if (c->carry_size > 0) {
        answer_carried(index, data, size);
        return give_back(buffer);
    }
    const size_t whole = upper_messages(settings.framing, data, size);
    if (whole < size) keep(c, data + whole, size - whole);
    if (whole == 0) return give_back(buffer);
    struct piece* const piece = &pieces_of_buffers[buffer];
    *piece = (struct piece){.data = data, .size = whole, .buffer = buffer};
    queue(index, piece);
}

static void on_receive(int index, const struct io_uring_cqe* cqe) {
    struct connection* const c = &connections[index];
    if (cqe->res > 0) {
        answer(index, (int)(cqe->flags >> IORING_CQE_BUFFER_SHIFT), (size_t)cqe->res);
        if ((cqe->flags & IORING_CQE_F_MORE) == 0) arm_receive(index);
    } else if (cqe->res == -ENOBUFS) {
        if (c->starved) return;
        c->starved = 1;
        c->next_starved = first_starved;
        first_starved = index;
    } else {
        c->ended = 1;
        close_if_done(index);
    }
}

static void on_send(int index, int result) {
    struct connection* const c = &connections[index];
    struct piece* const piece = c->first;
    if (result > 0 && (size_t)result < piece->size) {
        piece->data += result;
        piece->size -= (size_t)result;
        return send_first(index);
    }
    c->first = piece->next;
    release(piece);
    if (result < 0) {
        while (c->first != NULL) {
            struct piece* const next = c->first->next;
            release(c->first);
            c->first = next;
        }
    }
    if (c->first != NULL) return send_first(index);
    close_if_done(index);
}

static void feed_starved(void) {
    int index = first_starved;
    first_starved = -1;
    while (index >= 0) {
        const int next = connections[index].next_starved;
        connections[index].starved = 0;
        arm_receive(index);
        index = next;
    }
}

static void set_up_ring(void) {
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                              IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
                                     .cq_entries = 8 * entries};
    errno = -io_uring_queue_init_params(entries, &ring, &params);
    require(errno == 0, "io_uring");
    io_uring_register_ring_fd(&ring);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    const unsigned files = limit.rlim_cur < files_max ? (unsigned)limit.rlim_cur : files_max;
    errno = -io_uring_register_files_sparse(&ring, files);
    require(errno == 0, "register files");

    buffer_count = memory_of_buffers / buffer_size;
    const size_t ring_size = buffer_count * sizeof(struct io_uring_buf);
    lent = mmap(NULL, ring_size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    memory = mmap(NULL, memory_of_buffers, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    pieces_of_buffers = calloc(buffer_count, sizeof *pieces_of_buffers);
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)lent, .ring_entries = buffer_count, .bgid = group};
    require(io_uring_register_buf_ring(&ring, &registration, 0) == 0, "register buffers");
    io_uring_buf_ring_init(lent);
    for (unsigned i = 0; i < buffer_count; ++i) {
        give_back((int)i);
    }
    io_uring_buf_ring_advance(lent, given_back);
    given_back = 0;
}

static void arm_accept(int listener) {
    struct io_uring_sqe* const sqe = next_sqe();
    io_uring_prep_multishot_accept_direct(sqe, listener, NULL, NULL, 0);
    tag(sqe, KIND_ACCEPT, 0);
}

int main(int argc, char** argv) {
    settings = read_settings(argc, argv);
    if (argc > 3) buffer_size = (unsigned)atoi(argv[3]);
    set_up_ring();
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // what it accepts inherits it
    const struct sockaddr_in where = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)settings.port), .sin_addr.s_addr = htonl(INADDR_ANY)};
    require(bind(listener, (const struct sockaddr*)&where, sizeof where) == 0, "bind");
    require(listen(listener, 4096) == 0, "listen");
    arm_accept(listener);
    for (;;) {
        io_uring_submit_and_wait(&ring, 1);
        struct io_uring_cqe* cqe;
        unsigned head;
        unsigned count = 0;
        io_uring_for_each_cqe(&ring, head, cqe) {
            ++count;
            const int index = (int)(cqe->user_data >> 2);
            switch ((enum kind)(cqe->user_data & 3)) {
                case KIND_ACCEPT:
                    if (cqe->res >= 0) arm_receive(cqe->res);
                    if ((cqe->flags & IORING_CQE_F_MORE) == 0) arm_accept(listener);
                    break;
                case KIND_RECEIVE: on_receive(index, cqe); break;
                case KIND_SEND: on_send(index, cqe->res); break;
                case KIND_CLOSE: break;
            }
        }
        io_uring_cq_advance(&ring, count);
        if (given_back > 0) {
            io_uring_buf_ring_advance(lent, given_back);
            given_back = 0;
            if (first_starved >= 0) feed_starved();
        }
    }
}

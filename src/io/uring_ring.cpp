// SPDX-License-Identifier: MIT
#include "io/uring_ring.hpp"

#include "aperto/error.hpp"

#include <sys/mman.h>

#include <cassert>
#include <cerrno>

namespace aperto::io {
namespace {

constexpr unsigned submissions = 256;
constexpr unsigned completions = submissions * 8;

void* map_memory(std::size_t bytes) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw error::from_result(-errno, "map memory for", "io_uring's buffers");
    return memory;
}

/// -ETIME and -EINTR are ordinary outcomes of waiting; -EBUSY and -EAGAIN are tried again by the next turn.
/// Anything else would come again for ever.
void expect_progress(int result) {
    if (result >= 0 || result == -ETIME || result == -EINTR || result == -EBUSY || result == -EAGAIN) return;
    throw error::from_result(result, "wait for", "io_uring", "A loop runs on the thread that made it.");
}

}  // namespace

uring_ring::uring_ring() {
    io_uring_params wanted{};
    wanted.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                   IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    wanted.cq_entries = completions;
    if (const int result = io_uring_queue_init_params(submissions, &ring_, &wanted); result < 0)
        throw error::from_result(result, "set up", "io_uring");
    // Saves the kernel a descriptor look-up a call; without it all works the same.
    io_uring_register_ring_fd(&ring_);
}

uring_ring::~uring_ring() { io_uring_queue_exit(&ring_); }

io_uring_sqe* uring_ring::next_sqe() noexcept {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    while (!sqe) {
        // EBUSY: completions have to be worked off first; GETEVENTS does that for those the kernel holds
        // back.
        io_uring_submit_and_get_events(&ring_);
        sqe = io_uring_get_sqe(&ring_);
    }
    return sqe;
}

void uring_ring::submit_and_wait(std::int64_t nanoseconds) {
    if (nanoseconds == 0) {
        // GETEVENTS even when there is work already: under DEFER_TASKRUN nothing completes otherwise.
        return expect_progress(io_uring_submit_and_get_events(&ring_));
    }
    constexpr std::int64_t second = 1'000'000'000;
    __kernel_timespec limit{.tv_sec = nanoseconds / second, .tv_nsec = nanoseconds % second};
    io_uring_cqe* first = nullptr;
    expect_progress(
        io_uring_submit_and_wait_timeout(&ring_, &first, 1, nanoseconds < 0 ? nullptr : &limit, nullptr));
}

void uring_ring::cancel_now(std::uint64_t user_data) noexcept {
    io_uring_submit(&ring_);  // what is not yet submitted cannot be cancelled
    io_uring_sync_cancel_reg which{};
    which.addr = user_data;
    which.fd = -1;
    which.flags = 0;
    which.timeout = {.tv_sec = -1, .tv_nsec = -1};
    int result = 0;
    do {
        result = io_uring_register_sync_cancel(&ring_, &which);
    } while (result == -EINTR);
}

uring_buffers::uring_buffers(uring_ring& ring, std::uint32_t count, std::uint32_t size)
    : owner_(ring), count_(count), size_(size) {
    assert(count >= 2 && count <= 32'768 && (count & (count - 1)) == 0);
    const std::size_t ring_bytes = count * sizeof(io_uring_buf);
    ring_ = static_cast<io_uring_buf_ring*>(map_memory(ring_bytes));
    io_uring_buf_ring_init(ring_);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(ring_);
    registration.ring_entries = count;
    registration.bgid = group;
    if (const int result = io_uring_register_buf_ring(owner_.get(), &registration, 0); result < 0) {
        munmap(ring_, ring_bytes);
        throw error::from_result(result, "register", "io_uring's buffer ring");
    }
    memory_ = static_cast<char*>(map_memory(std::size_t{count} * size));
    for (std::uint32_t id = 0; id < count; ++id)
        io_uring_buf_ring_add(ring_, buffer(id), size, static_cast<std::uint16_t>(id),
                              io_uring_buf_ring_mask(count), static_cast<int>(id));
    io_uring_buf_ring_advance(ring_, static_cast<int>(count));
}

uring_buffers::~uring_buffers() {
    io_uring_unregister_buf_ring(owner_.get(), group);
    munmap(ring_, count_ * sizeof(io_uring_buf));
    munmap(memory_, std::size_t{count_} * size_);
}

lent_bytes uring_buffers::lend(std::uint16_t id, std::uint32_t size) noexcept {
    assert(id < count_ && size <= size_);
    ++lent_;
    return {buffer(id), size, id};
}

void uring_buffers::give_back(std::uint32_t id) noexcept {
    assert(lent_ > 0 && id < count_);
    --lent_;
    io_uring_buf_ring_add(ring_, buffer(id), size_, static_cast<std::uint16_t>(id),
                          io_uring_buf_ring_mask(count_), 0);
    io_uring_buf_ring_advance(ring_, 1);
}

}  // namespace aperto::io

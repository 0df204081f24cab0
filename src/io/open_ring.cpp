// SPDX-License-Identifier: MIT
#include "aperto/error.hpp"
#include "io/ring.hpp"

#include <liburing.h>
#include <sys/mman.h>

#include <cerrno>

namespace aperto::io {
namespace {

constexpr unsigned submissions = 256;
constexpr unsigned completions = submissions * 8;

__kernel_timespec timespec_of(std::int64_t nanoseconds) noexcept {
    constexpr std::int64_t second = 1'000'000'000;
    return {.tv_sec = nanoseconds / second, .tv_nsec = nanoseconds % second};
}

class liburing_ring final : public ring {
public:
    liburing_ring() {
        io_uring_params wanted{};
        wanted.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                       IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
        wanted.cq_entries = completions;
        if (const int result = io_uring_queue_init_params(submissions, &ring_, &wanted); result < 0)
            throw error::from_result(result, "set up", "io_uring");
        // Saves the kernel a descriptor look-up a call; without it all works the same.
        io_uring_register_ring_fd(&ring_);
    }
    ~liburing_ring() override {
        io_uring_queue_exit(&ring_);
        if (buffers_) munmap(buffers_, buffer_count_ * sizeof(io_uring_buf));
    }
    liburing_ring(const liburing_ring&) = delete;
    liburing_ring& operator=(const liburing_ring&) = delete;

    io_uring_sqe* next_entry() noexcept override { return io_uring_get_sqe(&ring_); }
    int submit() noexcept override { return io_uring_submit(&ring_); }

    int submit_and_wait(std::int64_t nanoseconds) noexcept override {
        // GETEVENTS even when there is work already: under DEFER_TASKRUN nothing completes otherwise, and
        // liburing's waiting calls leave it out where a completion is there.
        if (nanoseconds == 0 || io_uring_cq_ready(&ring_) > 0) return io_uring_submit_and_get_events(&ring_);
        __kernel_timespec limit = timespec_of(nanoseconds);
        io_uring_cqe* first = nullptr;
        return io_uring_submit_and_wait_timeout(&ring_, &first, 1, nanoseconds < 0 ? nullptr : &limit,
                                                nullptr);
    }
    int wait(std::int64_t nanoseconds) noexcept override {
        __kernel_timespec limit = timespec_of(nanoseconds);
        io_uring_cqe* first = nullptr;
        return io_uring_wait_cqe_timeout(&ring_, &first, &limit);
    }

    std::size_t not_submitted() const noexcept override { return io_uring_sq_ready(&ring_); }

    int run_task_work() noexcept override { return io_uring_get_events(&ring_); }

    bool withdraw(std::uint64_t user_data) noexcept override {
        const io_uring_sq& queue = ring_.sq;
        // Those before the kernel's own head it has read, whatever liburing has published.
        for (unsigned at = queue.sqe_tail - io_uring_sq_ready(&ring_); at != queue.sqe_tail; ++at) {
            io_uring_sqe& entry = queue.sqes[at & queue.ring_mask];
            if (entry.user_data != user_data) continue;
            io_uring_prep_nop(&entry);  // leaves the user data
            return true;
        }
        return false;
    }

    void cancel_now(std::uint64_t user_data) noexcept override {
        io_uring_sync_cancel_reg which{};
        which.addr = user_data;
        which.fd = -1;
        which.timeout = {.tv_sec = -1, .tv_nsec = -1};
        // Interrupted, it may not be over. Everything else says that it is, or never was.
        while (io_uring_register_sync_cancel(&ring_, &which) == -EINTR) {
        }
    }

    std::size_t take(std::span<completion> into) noexcept override {
        std::size_t count = 0;
        io_uring_cqe* next = nullptr;
        while (count < into.size() && io_uring_peek_cqe(&ring_, &next) == 0) {
            into[count++] = {.user_data = next->user_data, .result = next->res, .flags = next->flags};
            io_uring_cqe_seen(&ring_, next);
        }
        return count;
    }
    bool is_drained() const noexcept override {
        return io_uring_cq_ready(&ring_) == 0 && !io_uring_cq_has_overflow(&ring_);
    }

    int register_buffers(std::uint16_t group, std::uint32_t count) override {
        void* const memory = mmap(nullptr, count * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return -errno;
        buffers_ = static_cast<io_uring_buf_ring*>(memory);
        buffer_count_ = count;
        io_uring_buf_ring_init(buffers_);
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffers_);
        registration.ring_entries = count;
        registration.bgid = group;
        return io_uring_register_buf_ring(&ring_, &registration, 0);
    }
    void unregister_buffers(std::uint16_t group) noexcept override {
        io_uring_unregister_buf_ring(&ring_, group);
    }
    void provide(char* memory, std::uint32_t size, std::uint16_t id) noexcept override {
        io_uring_buf_ring_add(buffers_, memory, size, id, io_uring_buf_ring_mask(buffer_count_), 0);
        io_uring_buf_ring_advance(buffers_, 1);
    }

private:
    io_uring ring_{};
    io_uring_buf_ring* buffers_ = nullptr;
    std::uint32_t buffer_count_ = 0;
};

/// A ring may be set up where entering it is forbidden (a seccomp filter): better known before anybody relies
/// on it.
void expect_usable(ring& fresh) {
    io_uring_sqe* const nothing = fresh.next_entry();
    io_uring_prep_nop(nothing);
    int result = 0;
    do {
        result = fresh.submit_and_wait(-1);
    } while (result == -EINTR);
    ring::completion done;
    if (result >= 0 && fresh.take({&done, 1}) == 0) result = -ENOSYS;
    if (result < 0) throw error::from_result(result, "use", "io_uring");
}

}  // namespace

std::unique_ptr<ring> open_ring() {
    auto made = std::make_unique<liburing_ring>();
    expect_usable(*made);
    return made;
}

}  // namespace aperto::io

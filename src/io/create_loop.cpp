// SPDX-License-Identifier: MIT
#include "aperto/loop.hpp"
#include "core/i18n.hpp"
#include "core/option_text.hpp"
#include "io/epoll_loop.hpp"
#include "io/uring_loop.hpp"

#include <bit>

namespace aperto {
namespace {

/// io_uring takes a ring of buffers in a power of two, and no more (io_uring_register_buf_ring(3)).
constexpr std::uint32_t receive_buffers_least = 2;
constexpr std::uint32_t receive_buffers_most = 32'768;
constexpr std::uint32_t receive_buffer_size_least = 64;
constexpr std::uint32_t receive_buffer_size_most = 16 * 1024 * 1024;
constexpr std::uint32_t bulk_buffer_size_most = 256 * 1024 * 1024;

void check_options(const loop_options& chosen) {
    const std::uint32_t count = chosen.receive_buffers;
    if (!std::has_single_bit(count) || count < receive_buffers_least || count > receive_buffers_most) {
        const std::string given = std::to_string(count);
        refuse_option(
            "receive_buffers", given,
            takes_power_of_two("receive_buffers", receive_buffers_least, receive_buffers_most, given));
    }
    check_number("receive_buffer_size", chosen.receive_buffer_size, receive_buffer_size_least,
                 receive_buffer_size_most);
    check_number("bulk_buffer_size", chosen.bulk_buffer_size, 0, bulk_buffer_size_most);
}

/// In English, as a program reads it; who tells it to a person translates it.
std::string reason(const error& refused) {
    switch (refused.code().value()) {
    case EPERM:
        return N_(
            "io_uring is not permitted here (a container's seccomp profile, or kernel.io_uring_disabled)");
    case ENOSYS:
        return N_("this kernel has no io_uring");
    case EINVAL:
        return N_("this kernel's io_uring is older than Linux 6.1");
    case ENOMEM:
        return N_("io_uring got no memory (RLIMIT_MEMLOCK?)");
    default:
        return std::string("io_uring: ") + refused.code().message();
    }
}

}  // namespace

std::unique_ptr<loop> loop::create(const loop_options& options) {
    check_options(options);
    switch (options.which) {
    case engine::epoll:
        return io::make_epoll_loop(options);
    case engine::uring:
        try {
            return io::make_uring_loop(options);
        } catch (const error& refused) {
            throw error(refused.code(), "use", "io_uring",
                        reason(refused) + "; the epoll engine works everywhere");
        }
    case engine::automatic:
        break;
    case engine::simulated:
        throw error(errc::malformed, "make", "a simulated loop", "sim::world makes them");
    }
    try {
        return io::make_uring_loop(options);
    } catch (const error& refused) {
        std::unique_ptr<loop> fallback = io::make_epoll_loop(options);
        fallback->set_why("epoll: " + reason(refused));
        return fallback;
    }
}

}  // namespace aperto

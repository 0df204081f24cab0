// SPDX-License-Identifier: MIT
#include "aperto/loop.hpp"
#include "io/epoll_loop.hpp"
#include "io/uring_loop.hpp"

namespace aperto {
namespace {

std::string reason(const error& refused) {
    switch (refused.code().value()) {
    case EPERM:
        return "io_uring is not permitted here (a container's seccomp profile, or kernel.io_uring_disabled)";
    case ENOSYS:
        return "this kernel has no io_uring";
    case EINVAL:
        return "this kernel's io_uring is older than Linux 6.1";
    case ENOMEM:
        return "io_uring got no memory (RLIMIT_MEMLOCK?)";
    default:
        return std::string("io_uring: ") + refused.code().message();
    }
}

}  // namespace

std::unique_ptr<loop> loop::create(const loop_options& options) {
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

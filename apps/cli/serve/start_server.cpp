// SPDX-License-Identifier: MIT
#include "cli/serve/start_server.hpp"

#include "aperto/error.hpp"
#include "cli/failure.hpp"
#include "io/host_text.hpp"

#include <chrono>
#include <thread>

namespace aperto::cli {
namespace {

constexpr duration orphan_patience = std::chrono::seconds(1);

bool is_held_by_nobody(std::uint16_t port) {
    const auto owner = find_port_owner(port);
    return !owner || owner->process == 0;
}

}  // namespace

std::unique_ptr<server> start_server(const options& chosen, const handler& what) {
    const time_point until = clock::now() + orphan_patience;
    for (;;) {
        auto serving = std::make_unique<server>(chosen, what);
        try {
            serving->start();
            return serving;
        } catch (const error& cause) {
            const bool in_use =
                cause.code() == std::errc::address_in_use && !io::names_unix_socket(chosen.host);
            if (!in_use || clock::now() >= until || !is_held_by_nobody(chosen.port)) throw;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

}  // namespace aperto::cli

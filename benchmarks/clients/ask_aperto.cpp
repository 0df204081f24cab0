// SPDX-License-Identifier: MIT
//
// `ask_aperto PORT COUNT`: COUNT questions at once from one thread, a connection each, with aperto's client.
// Prints the CPU of this process a question in microseconds, the seconds it took, and the most memory it held
// in KiB.
#include "measured.h"

#include <aperto/aperto.hpp>

#include <cstdio>
#include <cstdlib>

namespace {

aperto::task<> ask_one(std::uint16_t port, std::size_t& right) {
    aperto::client_options options;
    options.connect_timeout = std::chrono::seconds(60);
    options.stream.framing = aperto::framing::line;
    aperto::host_port where{"127.0.0.1", port};
    const std::string reply = co_await aperto::async_ask(std::move(where), "texto original", options);
    right += reply == "TEXTO ORIGINAL";
}

aperto::task<> ask_all(std::uint16_t port, std::size_t count, std::size_t& right) {
    aperto::task_group all;
    for (std::size_t i = 0; i < count; ++i)
        all.spawn(ask_one(port, right));
    co_await all.join();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
    const std::size_t count = std::strtoul(argv[2], nullptr, 10);
    std::size_t right = 0;
    const auto loop = aperto::loop::create();
    const struct measured began = measure();
    loop->run(ask_all(port, count, right));
    return tell(began, count, right);
}

// SPDX-License-Identifier: MIT
//
// `ask_asio PORT COUNT [deadline]`: the same with Asio's C++20 coroutines; with a deadline for each question,
// as aperto's have, only where it is asked for.
#define ASIO_NO_DEPRECATED
#include "measured.h"

#include <asio/experimental/awaitable_operators.hpp>

#include <asio.hpp>
#include <cstdlib>
#include <string>

namespace {

using asio::ip::tcp;
using namespace asio::experimental::awaitable_operators;

asio::awaitable<void> converse(tcp::socket& peer, tcp::endpoint where, std::size_t& right) {
    co_await peer.async_connect(where, asio::use_awaitable);
    peer.set_option(tcp::no_delay(true));
    std::string text = "texto original\n";
    co_await asio::async_write(peer, asio::buffer(text), asio::use_awaitable);
    std::string reply;
    const std::size_t size =
        co_await asio::async_read_until(peer, asio::dynamic_buffer(reply), '\n', asio::use_awaitable);
    right += std::string_view(reply).substr(0, size) == "TEXTO ORIGINAL\n";
    peer.shutdown(tcp::socket::shutdown_send);
}

asio::awaitable<void> ask_one(tcp::endpoint where, bool limited, std::size_t& right) {
    tcp::socket peer(co_await asio::this_coro::executor);
    if (!limited) {
        co_await converse(peer, where, right);
        co_return;
    }
    asio::steady_timer deadline(peer.get_executor(), std::chrono::seconds(60));
    co_await (converse(peer, where, right) || deadline.async_wait(asio::use_awaitable));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const tcp::endpoint where(asio::ip::address_v4::loopback(),
                              static_cast<unsigned short>(std::atoi(argv[1])));
    const std::size_t count = std::strtoul(argv[2], nullptr, 10);
    std::size_t right = 0;
    asio::io_context context(1);
    const struct measured began = measure();
    for (std::size_t i = 0; i < count; ++i)
        asio::co_spawn(context, ask_one(where, argc > 3, right), asio::detached);
    context.run();
    return tell(began, count, right);
}

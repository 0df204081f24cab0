// SPDX-License-Identifier: MIT
//
// Asio (standalone) with C++20 coroutines, as its own examples write a server: one io_context that knows that
// it has one thread, async_read_some for the stream, async_read_until for lines, async_read for lengths.
#define ASIO_NO_DEPRECATED
#include "../frames.h"

#include <arpa/inet.h>
#include <asio/experimental/as_tuple.hpp>

#include <array>
#include <asio.hpp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace {

using asio::ip::tcp;
constexpr auto as_result = asio::experimental::as_tuple(asio::use_awaitable);

asio::awaitable<void> serve_stream(tcp::socket peer, std::size_t buffer_size) {
    std::vector<char> data(buffer_size);
    for (;;) {
        const auto [failed, size] = co_await peer.async_read_some(asio::buffer(data), as_result);
        if (failed) co_return;
        upper(data.data(), size);
        const auto [broken, sent] = co_await asio::async_write(peer, asio::buffer(data, size), as_result);
        if (broken) co_return;
    }
}

// Every line that a read has brought is answered by one write: async_read_until finds lines that are already
// there without a system call.
asio::awaitable<void> serve_lines(tcp::socket peer) {
    std::string data;
    std::string out;
    for (;;) {
        const auto [failed, size] =
            co_await asio::async_read_until(peer, asio::dynamic_buffer(data), '\n', as_result);
        if (failed) co_return;
        std::size_t begin = 0;
        for (std::size_t end = size; end != 0; end = data.find('\n', begin) + 1) {
            upper(data.data() + begin, end - begin);
            begin = end;
        }
        out.assign(data, 0, begin);
        data.erase(0, begin);
        const auto [broken, sent] = co_await asio::async_write(peer, asio::buffer(out), as_result);
        if (broken) co_return;
    }
}

asio::awaitable<void> serve_lengths(tcp::socket peer) {
    std::vector<char> data;
    for (;;) {
        std::uint32_t length = 0;
        const auto [failed, got] =
            co_await asio::async_read(peer, asio::buffer(&length, sizeof length), as_result);
        if (failed) co_return;
        data.resize(ntohl(length));
        const auto [short_of, size] = co_await asio::async_read(peer, asio::buffer(data), as_result);
        if (short_of) co_return;
        upper(data.data(), data.size());
        const std::array<asio::const_buffer, 2> reply{asio::buffer(&length, sizeof length),
                                                      asio::buffer(data)};
        const auto [broken, sent] = co_await asio::async_write(peer, reply, as_result);
        if (broken) co_return;
    }
}

asio::awaitable<void> serve(tcp::acceptor listener, settings how, std::size_t buffer_size) {
    for (;;) {
        auto [failed, peer] = co_await listener.async_accept(as_result);
        if (failed) continue;
        peer.set_option(tcp::no_delay(true));
        auto where = listener.get_executor();
        switch (how.framing) {
        case FRAMING_STREAM:
            asio::co_spawn(where, serve_stream(std::move(peer), buffer_size), asio::detached);
            break;
        case FRAMING_LINE:
            asio::co_spawn(where, serve_lines(std::move(peer)), asio::detached);
            break;
        case FRAMING_LENGTH:
            asio::co_spawn(where, serve_lengths(std::move(peer)), asio::detached);
            break;
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    const settings how = read_settings(argc, argv);
    const std::size_t buffer_size = argc > 3 ? static_cast<std::size_t>(std::atol(argv[3])) : 4096;
    asio::io_context context(1);
    tcp::acceptor listener(context);
    const tcp::endpoint where(tcp::v4(), static_cast<std::uint16_t>(how.port));
    listener.open(where.protocol());
    listener.set_option(tcp::acceptor::reuse_address(true));
    listener.bind(where);
    listener.listen(4096);
    asio::co_spawn(context, serve(std::move(listener), how, buffer_size), asio::detached);
    context.run();
}

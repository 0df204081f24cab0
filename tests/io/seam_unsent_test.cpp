// SPDX-License-Identifier: MIT
// What the kernel keeps unsent for a peer that does not read is bounded, on both sides of a connection.
#include "aperto/sleep.hpp"
#include "io/seam.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

namespace aperto::seam {
namespace {

using namespace std::chrono_literals;

class unsent : public seam_test {
protected:
    /// TCP_NOTSENT_LOWAT of a socket.
    std::uint32_t limit_of(socket_id which) const {
        std::uint32_t bytes = 0;
        socklen_t size = sizeof bytes;
        EXPECT_EQ(::getsockopt(on->native_handle(which), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, &size), 0);
        return bytes;
    }
};

TEST_P(unsent, the_limit_of_the_options_is_the_sockets) {
    const auto story = [&]() -> task<> {
        for (const std::uint32_t limit : {unsent_max_default, 20'000U}) {
            listen_options options;
            options.unsent_max = limit;
            connect_options from;
            from.unsent_max = limit / 2;
            const socket_id door = on->listen(endpoint::parse("127.0.0.1:0"), options);
            connecting knock(*on, on->local(door), from);
            EXPECT_EQ(co_await knock, 0);
            accepting next(*on, door);
            EXPECT_EQ(co_await next, 0);
            EXPECT_EQ(limit_of(next.accepted), limit);
            EXPECT_EQ(limit_of(knock.connected), limit / 2);
            on->close(knock.connected);
            on->close(next.accepted);
            on->close(door);
        }
    };
    on->run(story());
    expect_nothing_left();
}

TEST_P(unsent, a_peer_that_does_not_read_makes_the_kernel_hold_no_more) {
    const auto story = [&]() -> task<> {
        const socket_id door = on->listen(endpoint::parse("127.0.0.1:0"), {});
        connecting knock(*on, on->local(door), {});
        EXPECT_EQ(co_await knock, 0);
        accepting next(*on, door);
        EXPECT_EQ(co_await next, 0);
        const std::string much(16 * 1024 * 1024, 'x');
        {
            sending offered(*on, next.accepted, much);
            cancel_scope patience;
            on->spawn([](sending& it) -> task<> { co_await it; }(offered), &patience);
            co_await sleep(200ms);
            const std::uint32_t held = on->facts(next.accepted).bytes_not_sent.value_or(0);
            std::cout << held << " bytes unsent in the kernel\n";
            EXPECT_GT(held, 0U);
            // The kernel looks between two of its segments, of up to 64 KiB.
            EXPECT_LE(held, unsent_max_default + 64 * 1024);
            patience.cancel();
            co_await sleep(10ms);
        }
        on->close(knock.connected, true);
        on->close(next.accepted, true);
        on->close(door);
    };
    on->run(story());
    expect_nothing_left();
}

APERTO_ON_BOTH_ENGINES(unsent);

}  // namespace
}  // namespace aperto::seam

// SPDX-License-Identifier: MIT
// A send that waits only because its socket had its share of the turn, and then finds the socket full.
#include "io/seam.hpp"

#include <cerrno>
#include <string>

namespace aperto::seam {
namespace {

class deferred_send : public seam_test {};

/// Fills the socket behind the loop's back; gives how many bytes it took.
std::size_t fill(int descriptor) {
    const std::string much(64 * 1024, 'x');
    std::size_t taken = 0;
    ssize_t part;
    while ((part = ::send(descriptor, much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
        taken += static_cast<std::size_t>(part);
    EXPECT_EQ(errno, EAGAIN);
    return taken;
}

TEST_P(deferred_send, goes_on_when_the_peer_reads) {
    auto story = [&]() -> task<> {
        const pair both = co_await make_pair_of(*on);
        constexpr int more_than_a_share = 40;
        bool sent = false;
        std::size_t filled = 0;
        auto writer = [&]() -> task<> {
            for (int i = 0; i < more_than_a_share; ++i) {
                sending one(*on, both.server, "y");
                EXPECT_EQ(co_await one, 1);
            }
            sent = true;
        };
        on->spawn(writer());
        // The writer has spent its share, and waits for the next turn.
        filled = fill(on->native_handle(both.server));
        co_await turns(*on, 3);
        const std::string all = co_await receive_exactly(*on, both.client, filled + more_than_a_share);
        EXPECT_EQ(all.size(), filled + more_than_a_share);
        EXPECT_TRUE(sent);
        close_both(*on, both);
    };
    on->run(story());
    expect_nothing_left();
}

APERTO_ON_BOTH_ENGINES(deferred_send);

}  // namespace
}  // namespace aperto::seam

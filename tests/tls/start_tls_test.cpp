// SPDX-License-Identifier: MIT
// A conversation that begins in plain text and goes on in TLS.
#include "aperto/group.hpp"
#include "aperto/stream.hpp"
#include "net/duet.hpp"
#include "tls/both_sides.hpp"

namespace aperto::tls {
namespace {

using namespace duet;

class start_tls : public StreamTest {
protected:
    both_sides sides;
};
INSTANTIATE_TEST_SUITE_P(each, start_tls, testing::Values(engine::uring, engine::epoll), engine_name);

task<> serve_mail(stream& peer, std::shared_ptr<const transport> by) {
    co_await peer.write("220 here\r\n");
    EXPECT_EQ(co_await peer.read_line(), "STARTTLS");
    co_await peer.write("220 go ahead\r\n");
    task<> sealing = peer.start_tls(by);
    co_await sealing;
    EXPECT_EQ(co_await peer.read_line(), "secret");
    co_await peer.write("250 kept\r\n");
}

task<> send_mail(stream& peer, std::shared_ptr<const transport> by) {
    EXPECT_EQ(co_await peer.read_line(), "220 here");
    EXPECT_FALSE(peer.transport());
    co_await peer.write("STARTTLS\r\n");
    EXPECT_EQ(co_await peer.read_line(), "220 go ahead");
    task<> sealing = peer.start_tls(by, "localhost");
    co_await sealing;
    EXPECT_TRUE(peer.transport());
    co_await peer.write("secret\r\n");
    EXPECT_EQ(co_await peer.read_line(), "250 kept");
}

TEST_P(start_tls, goes_on_sealed) {
    const auto story = [&]() -> task<> {
        task<streams> meeting = meet_ours();
        streams both = co_await meeting;
        task_group sides_at_once;
        sides_at_once.spawn(serve_mail(both.right, sides.server));
        sides_at_once.spawn(send_mail(both.left, sides.client));
        task<> joining = sides_at_once.join();
        co_await joining;
    };
    play(story());
}

TEST_P(start_tls, refuses_what_was_slipped_in_behind_the_request) {
    const auto story = [&]() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.peer.send("STARTTLS\r\nRCPT TO:<eve@example.org>\r\n");
        EXPECT_EQ(co_await both.ours.read_line(), "STARTTLS");
        task<std::error_code> refused = failure_of(both.ours.start_tls(sides.server));
        EXPECT_EQ(co_await refused, errc::plaintext_behind);
    };
    play(story());
}

TEST_P(start_tls, is_not_begun_twice) {
    const auto story = [&]() -> task<> {
        stream_options sealed;
        sealed.transport = sides.server;
        task<pair> meeting = meet(sealed);
        pair both = co_await meeting;
        task<std::error_code> refused = failure_of(both.ours.start_tls(sides.server));
        EXPECT_EQ(co_await refused, aperto::errc::misuse);
    };
    play(story());
}

}  // namespace
}  // namespace aperto::tls

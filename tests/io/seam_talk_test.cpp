// SPDX-License-Identifier: MIT
// The seam as a story, on every engine: two ends talk, close halves, break off, and are found gone.
#include "aperto/group.hpp"
#include "aperto/sleep.hpp"
#include "io/seam.hpp"

#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

namespace aperto::seam {
namespace {

using namespace std::chrono_literals;

class talk : public seam_test {};

task<> echo_until_end(loop& on, socket_id peer) {
    for (;;) {
        receiving some(on, peer);
        const int count = co_await some;
        EXPECT_GE(count, 0);
        if (count <= 0) break;
        const std::string text = some.take();
        EXPECT_EQ(co_await send_all(on, peer, text), 0);
    }
    EXPECT_EQ(on.shutdown_send(peer), 0);
}

TEST_P(talk, an_echo_gives_back_a_megabyte_in_order) {
    std::string sent(1 << 20, '\0');
    for (std::size_t i = 0; i < sent.size(); ++i)
        sent[i] = static_cast<char>((i * 2654435761u) >> 13);
    auto story = [&]() -> task<std::string> {
        const pair both = co_await make_pair_of(*on);
        on->spawn(echo_until_end(*on, both.server));
        auto write_all = [](loop& loop_of_it, socket_id to, std::string_view data) -> task<> {
            for (std::size_t chunk = 1; !data.empty(); chunk = chunk * 3 % 40'009 + 1) {
                const std::string_view part = data.substr(0, chunk);
                EXPECT_EQ(co_await send_all(loop_of_it, to, part), 0);
                data.remove_prefix(part.size());
            }
            EXPECT_EQ(loop_of_it.shutdown_send(to), 0);
        };
        on->spawn(write_all(*on, both.client, sent));
        std::string back = co_await receive_exactly(*on, both.client, sent.size() + 1);
        co_await turns(*on, 3);
        close_both(*on, both);
        co_return back;
    };
    const std::string back = on->run(story());
    ASSERT_EQ(back.size(), sent.size());
    EXPECT_TRUE(back == sent);
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(talk, who_is_queued_at_a_listener_is_taken_at_once_and_a_listener_that_is_gone_says_so) {
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        std::vector<pair> pairs;
        for (int i = 0; i < 3; ++i) {
            connecting out(*on, on->local(door));
            EXPECT_EQ(co_await out, 0);
            pairs.push_back({.client = out.connected, .server = {}});
        }
        co_await sleep(5ms);  // the last word of the handshake arrives
        for (pair& each : pairs) {
            accept_operation next(*on);
            EXPECT_TRUE(on->accept_queued(door, next));
            EXPECT_EQ(next.result, 0);
            EXPECT_EQ(next.peer, on->local(each.client));
            each.server = next.accepted;
        }
        accept_operation nobody(*on);
        EXPECT_FALSE(on->accept_queued(door, nobody));
        for (const pair& each : pairs)
            close_both(*on, each);
        on->close(door);
        EXPECT_TRUE(on->accept_queued(door, nobody));
        EXPECT_EQ(nobody.result, -EBADF);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(talk, a_connect_that_the_kernel_refuses_at_once_fails_and_leaves_nothing) {
    if (is_simulated()) GTEST_SKIP() << "what this kernel says of an address";
    auto story = [&]() -> task<> {
        connecting out(*on, endpoint::parse("255.255.255.255:9"));  // nobody: TCP has no broadcast
        const int result = co_await out;
        EXPECT_TRUE(result == -EACCES || result == -ENETUNREACH) << result;
        EXPECT_FALSE(out.connected);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(talk, a_listener_that_is_closed_leaves_its_port_in_the_same_turn) {
    auto story = [&]() -> task<> {
        socket_id door = listen_on_loopback(*on);
        const endpoint where = on->local(door);
        for (int i = 0; i < 20; ++i) {
            {
                accept_operation waiting(*on);
                EXPECT_FALSE(on->start_accept(door, waiting));
                co_await turns(*on, 2);  // what is to tell of a client is in the kernel
            }
            on->close(door);
            door = on->listen(where, {});
        }
        on->close(door);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(talk, a_turn_makes_more_sends_than_the_ring_has_places) {
    // Each says something of its own, so that one send in another's place is seen.
    constexpr int many = 700;
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        std::vector<pair> all;
        for (int i = 0; i < many; ++i)
            all.push_back(co_await connect_to(*on, door));
        std::vector<std::string> said;
        for (int i = 0; i < many; ++i)
            said.push_back("number " + std::to_string(i) + ".");
        task_group speaking;
        auto say = [](loop& loop_of_it, socket_id to, std::string_view text) -> task<> {
            EXPECT_EQ(co_await send_all(loop_of_it, to, text), 0);
        };
        for (int i = 0; i < many; ++i)
            speaking.spawn(
                say(*on, all[static_cast<std::size_t>(i)].client, said[static_cast<std::size_t>(i)]));
        task<> spoken = speaking.join();
        co_await spoken;
        for (std::size_t i = 0; i < many; ++i)
            EXPECT_EQ(co_await receive_exactly(*on, all[i].server, said[i].size()), said[i]);
        for (const pair& each : all)
            close_both(*on, each);
        on->close(door);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(talk, a_writer_whose_peer_takes_everything_lets_others_go_first) {
    if (is_simulated()) GTEST_SKIP() << "the descriptors are the kernel's";
    constexpr int sends = 64;
    int most_in_a_turn = 0;
    auto story = [&]() -> task<> {
        const pair both = co_await make_pair_of(*on);
        // Room for all of it, as a peer that reads fast makes it.
        const int room = 4 << 20;
        for (const auto& [end, what] : {std::pair(both.client, SO_SNDBUF), std::pair(both.server, SO_RCVBUF)})
            setsockopt(on->native_handle(end), SOL_SOCKET, what, &room, sizeof room);
        const std::string block(16 * 1024, 'x');
        std::uint64_t turn = on->turn();
        int in_turn = 0;
        for (int i = 0; i < sends; ++i) {
            const int failed = co_await send_all(*on, both.client, block);
            EXPECT_EQ(failed, 0);
            if (std::exchange(turn, on->turn()) != on->turn()) in_turn = 0;
            most_in_a_turn = std::max(most_in_a_turn, ++in_turn);
        }
        close_both(*on, both);
    };
    on->run(story());
    EXPECT_LE(most_in_a_turn, 17) << "16, and the one that had to wait";
}

TEST_P(talk, parts_are_gathered_in_order) {
    auto story = [&]() -> task<> {
        const pair both = co_await make_pair_of(*on);
        std::array<std::string, 3> texts{"one ", "two ", "three"};
        std::array<iovec, 3> parts{};
        for (std::size_t i = 0; i < parts.size(); ++i)
            parts[i] = {texts[i].data(), texts[i].size()};
        sending all(*on, both.client, {});
        all.parts = parts;
        EXPECT_EQ(co_await all, 13);
        EXPECT_EQ(co_await receive_exactly(*on, both.server, 13), "one two three");
        close_both(*on, both);
    };
    on->run(story());
}

TEST_P(talk, after_a_half_close_the_reply_still_arrives) {
    auto story = [&]() -> task<> {
        const pair both = co_await make_pair_of(*on);
        EXPECT_EQ(co_await send_all(*on, both.client, "question"), 0);
        EXPECT_EQ(on->shutdown_send(both.client), 0);
        EXPECT_EQ(co_await receive_exactly(*on, both.server, 100), "question");
        receiving end(*on, both.server);
        EXPECT_EQ(co_await end, 0) << "the end of the stream stays the end";
        EXPECT_EQ(co_await send_all(*on, both.server, "answer"), 0);
        on->close(both.server);
        EXPECT_EQ(co_await receive_exactly(*on, both.client, 100), "answer");
        on->close(both.client);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(talk, what_was_sent_before_the_end_is_read_before_the_end) {
    auto story = [&]() -> task<> {
        const pair both = co_await make_pair_of(*on);
        const std::string sent(100'000, 'x');
        EXPECT_EQ(co_await send_all(*on, both.client, sent), 0);
        on->close(both.client);
        co_await turns(*on, 3);
        const std::string got = co_await receive_exactly(*on, both.server, sent.size() + 1);
        EXPECT_EQ(got.size(), sent.size());
        on->close(both.server);
    };
    on->run(story());
}

TEST_P(talk, a_reset_is_an_error_of_the_receive_and_of_the_send) {
    auto story = [&]() -> task<> {
        const pair both = co_await make_pair_of(*on);
        on->close(both.client, true);
        receiving some(*on, both.server);
        EXPECT_EQ(co_await some, -ECONNRESET);
        sending more(*on, both.server, "x");
        EXPECT_EQ(co_await more, -EPIPE);
        on->close(both.server);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(talk, a_reset_ends_a_receive_that_waits) {
    auto story = [&]() -> task<> {
        const pair both = co_await make_pair_of(*on);
        auto reset = [](loop& loop_of_it, socket_id which) -> task<> {
            co_await turns(loop_of_it, 3);
            loop_of_it.close(which, true);
        };
        on->spawn(reset(*on, both.client));
        receiving some(*on, both.server);
        EXPECT_EQ(co_await some, -ECONNRESET);
        on->close(both.server);
    };
    on->run(story());
}

TEST_P(talk, nobody_listens_and_the_connect_is_refused) {
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        const endpoint nobody = on->local(door);
        on->close(door);
        co_await turns(*on, 3);
        connecting out(*on, nobody);
        EXPECT_EQ(co_await out, -ECONNREFUSED);
        EXPECT_FALSE(out.connected);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(talk, a_port_in_use_is_refused_with_a_remedy) {
    const socket_id door = listen_on_loopback(*on);
    try {
        on->listen(on->local(door), {});
        FAIL() << "listened twice";
    } catch (const error& refused) {
        EXPECT_EQ(refused.code(), std::errc::address_in_use);
        EXPECT_NE(refused.whom().find("127.0.0.1:"), std::string::npos) << refused.what();
        EXPECT_FALSE(refused.advice().empty());
    }
    on->close(door);
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(talk, each_end_knows_both_addresses_and_the_facts) {
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        const pair both = co_await connect_to(*on, door);
        EXPECT_EQ(on->local(both.server), on->local(door));
        EXPECT_EQ(on->remote(both.server), on->local(both.client));
        EXPECT_EQ(on->remote(both.client), on->local(both.server));
        const tcp_facts facts = on->facts(both.server);
        EXPECT_EQ(facts.state, "ESTABLISHED");
        // A simulated handshake has no options to tell of.
        if (!is_simulated()) {
            EXPECT_TRUE(facts.client_syn && facts.client_syn->mss) << "the listener keeps the SYN";
        }
        close_both(*on, both);
        on->close(door);
    };
    on->run(story());
}

TEST_P(talk, an_old_identity_touches_nothing) {
    auto story = [&]() -> task<> {
        const pair old = co_await make_pair_of(*on);
        close_both(*on, old);
        co_await turns(*on, 5);
        const pair now = co_await make_pair_of(*on);
        EXPECT_TRUE(now.client.slot == old.client.slot || now.client.slot == old.server.slot ||
                    now.server.slot == old.client.slot || now.server.slot == old.server.slot)
            << "the story is about a slot that is used again";

        for (const socket_id gone : {old.client, old.server}) {
            receiving some(*on, gone);
            EXPECT_EQ(co_await some, -EBADF);
            sending more(*on, gone, "x");
            EXPECT_EQ(co_await more, -EBADF);
            accepting next(*on, gone);
            EXPECT_EQ(co_await next, -EBADF);
            EXPECT_EQ(on->shutdown_send(gone), -EBADF);
            EXPECT_EQ(on->native_handle(gone), -1);
            EXPECT_FALSE(on->remote(gone));
            on->close(gone, true);
        }
        EXPECT_EQ(co_await send_all(*on, now.client, "still here"), 0);
        EXPECT_EQ(co_await receive_exactly(*on, now.server, 10), "still here");
        close_both(*on, now);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(talk, a_thousand_connections_come_and_go_and_leave_no_descriptor) {
    on->run(turns(*on, 3));
    const std::size_t before = open_descriptors();
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        for (int i = 0; i < 1000; ++i) {
            const pair both = co_await connect_to(*on, door);
            EXPECT_EQ(co_await send_all(*on, both.client, "hello"), 0);
            on->close(both.client);
            EXPECT_EQ(co_await receive_exactly(*on, both.server, 100), "hello");
            on->close(both.server);
        }
        on->close(door);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
    EXPECT_EQ(open_descriptors(), before);
}

APERTO_ON_EVERY_ENGINE(talk);

}  // namespace
}  // namespace aperto::seam

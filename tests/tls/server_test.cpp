// SPDX-License-Identifier: MIT
// A server and a client of ours on TLS, and what they say of each other's certificates.
#include "aperto/server.hpp"

#include "aperto/client.hpp"
#include "aperto/sleep.hpp"
#include "tls/both_sides.hpp"

#include <array>
#include <chrono>
#include <fstream>
#include <thread>

namespace aperto::tls {
namespace {

using namespace std::chrono_literals;

class served : public testing::TestWithParam<engine> {
protected:
    aperto::options options(server_options how) const {
        return {.host = "127.0.0.1",
                .port = 0,
                .workers = 1,
                .engine = GetParam(),
                .framing = framing::line,
                .transport = tls::server(std::move(how))};
    }
    server_options shown() const { return {.certificate = files->certificate, .key = files->key}; }
    std::string place(const aperto::server& of, const char* host = "localhost") const {
        return std::string(host) + ':' + std::to_string(of.endpoints().front().port());
    }
    aperto::client_options by(client_options how) const {
        return {.engine = GetParam(),
                .stream = {.framing = framing::line, .transport = tls::client(std::move(how))}};
    }
    /// How `ask` fails.
    static error failure(const std::string& where, const aperto::client_options& how) {
        try {
            const std::string answer = ask(where, "hello", how);
            ADD_FAILURE() << "answered " << answer;
        } catch (const error& why) {
            return why;
        }
        return {aperto::errc::misuse, "fail"};
    }
    own_files files;
};

INSTANTIATE_TEST_SUITE_P(each, served, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

std::string echo(std::string_view text) { return std::string(text); }

TEST_P(served, answers_and_both_know_what_was_agreed) {
    transport_facts seen;
    aperto::server one(options(shown()), [&](std::string_view text, exchange& with) {
        seen = with.transport().value_or(transport_facts());
        with.reply(text);
    });
    one.start();
    EXPECT_EQ(ask(place(one), "hello", by({.ca = files->authority})), "hello");
    one.stop();
    one.wait();
    EXPECT_EQ(seen.protocol, "TLSv1.3");
    EXPECT_EQ(seen.server_name, "localhost");
    EXPECT_TRUE(seen.peer_subject.empty());
}

TEST_P(served, a_session_begins_when_it_can_write) {
    aperto::server one(options(shown()), [](stream peer) -> task<> {
        co_await peer.write("welcome\n");  // before the client has said anything
        co_await peer.flush();
        while (const auto line = co_await peer.read_line())
            co_await peer.write(std::string(*line) + '\n');
    });
    one.start();
    const auto on = loop::create({.which = GetParam()});
    const auto talk = [&]() -> task<> {
        task<stream> connecting_peer = connect(place(one), by({.ca = files->authority}));
        stream peer = co_await connecting_peer;
        EXPECT_EQ(co_await peer.read_line(), "welcome");
        const std::string much(300'000, 'm');
        co_await peer.write(much + '\n');
        EXPECT_EQ(co_await peer.read_line(), much);
        const auto known = peer.transport();
        EXPECT_TRUE(known && known->peer_subject == "CN=localhost" && known->peer_fingerprint.size() == 64);
        EXPECT_EQ(known->peer_fingerprint, tls::fingerprint(files->certificate));
        EXPECT_NE(known->peer_fingerprint, tls::fingerprint(files->authority));
        EXPECT_THROW(tls::fingerprint(files->key), error);
        co_await peer.close();
    };
    on->run(talk());
}

task<std::string> answer_later(std::string_view text) {
    const std::string name(text);
    co_await sleep(name == "first" ? 50ms : 1ms);
    co_return name;
}

TEST_P(served, answers_that_are_made_together_come_in_the_order_of_their_messages) {
    auto chosen = options(shown());
    chosen.max_in_flight = 3;
    aperto::server one(chosen, answer_later);
    one.start();
    const auto on = loop::create({.which = GetParam()});
    const auto talk = [&]() -> task<> {
        task<stream> connecting_peer = connect(place(one), by({.ca = files->authority}));
        stream peer = co_await connecting_peer;
        const std::string long_one(100'000, 'x');
        co_await peer.write("first\nsecond\n" + long_one + "\nfourth\n");
        const std::array<std::string_view, 4> expected{"first", "second", long_one, "fourth"};
        for (const std::string_view each : expected) {
            const auto line = co_await peer.read_line();
            EXPECT_EQ(line, each);
        }
        co_await peer.close();
    };
    on->run(talk());
}

TEST_P(served, a_certificate_that_is_not_good_is_told_in_words) {
    aperto::server one(options(shown()), echo);
    one.start();
    const own_files other;
    const error unknown = failure(place(one), by({.ca = other->authority}));
    EXPECT_EQ(unknown.code(), errc::unknown_authority) << unknown.what();
    const error mismatch = failure(place(one), by({.ca = files->authority, .name = "sala-3"}));
    EXPECT_EQ(mismatch.code(), errc::name_mismatch) << mismatch.what();
    EXPECT_NE(mismatch.advice().find("not for sala-3, but for DNS:localhost"), std::string::npos)
        << mismatch.advice();
    EXPECT_EQ(ask(place(one), "x", by({.name = "sala-3", .insecure = true})), "x");
    EXPECT_EQ(ask(place(one, "127.0.0.1"), "x", by({.ca = files->authority})), "x");
}

TEST_P(served, an_expired_certificate_is_told_with_its_day) {
    const own_files old;
    old.expire_in(2);
    aperto::server one(options({.certificate = old->certificate, .key = old->key}), echo);
    one.start();
    std::this_thread::sleep_for(3100ms);
    const error late = failure(place(one), by({.ca = old->authority}));
    EXPECT_EQ(late.code(), errc::expired) << late.what();
    EXPECT_NE(late.advice().find("It was good until 20"), std::string::npos) << late.advice();
    try {
        tls::server({old->certificate, old->key});
        ADD_FAILURE() << "taken";
    } catch (const error& why) {
        EXPECT_EQ(why.code(), errc::expired);
    }
}

TEST_P(served, one_side_that_does_not_speak_it_is_told) {
    aperto::server plain({.host = "127.0.0.1", .port = 0, .workers = 1, .engine = GetParam()},
                         [](stream peer) -> task<> {
                             co_await peer.write("220 mail is taken here\r\n");
                             co_await peer.read_line();
                         });
    plain.start();
    const error not_tls = failure(place(plain), by({.ca = files->authority}));
    EXPECT_EQ(not_tls.code(), errc::not_tls) << not_tls.what();
    aperto::server sealed(options(shown()), echo);
    sealed.start();
    const error unheard =
        failure(place(sealed), {.engine = GetParam(), .stream = {.framing = framing::line}});
    EXPECT_TRUE(unheard.code() == aperto::errc::cut_short || unheard.code() == std::errc::connection_reset ||
                unheard.code() == aperto::errc::malformed)
        << unheard.what();
}

TEST_P(served, a_client_shows_the_certificate_that_is_required) {
    transport_facts seen;
    server_options how = shown();
    how.client_ca = files->authority;
    aperto::server one(options(how), [&](std::string_view text, exchange& with) {
        seen = with.transport().value_or(transport_facts());
        with.reply(text);
    });
    one.start();
    const client_options good{.ca = files->authority, .certificate = files->certificate, .key = files->key};
    EXPECT_EQ(ask(place(one), "x", by(good)), "x");
    EXPECT_EQ(seen.peer_subject, "CN=localhost");
    const error none = failure(place(one), by({.ca = files->authority}));
    EXPECT_EQ(none.code(), errc::refused_by_peer) << none.what();
    EXPECT_EQ(none.advice(), "It lets nobody in without a certificate.");
    const own_files other;
    const error stranger = failure(
        place(one), by({.ca = files->authority, .certificate = other->certificate, .key = other->key}));
    EXPECT_EQ(stranger.code(), errc::refused_by_peer) << stranger.what();
    how.client = client_certificate::optional;
    aperto::server open(options(how), echo);
    open.start();
    EXPECT_EQ(ask(place(open), "x", by({.ca = files->authority})), "x");
}

TEST_P(served, the_name_that_is_asked_for_chooses_the_certificate) {
    const own_files other({"sala-3", "*.lab.example"});
    server_options how = shown();
    how.more = {other.pair()};
    how.alpn = {"echo/2", "echo/1"};
    aperto::server one(options(how), echo);
    one.start();
    const auto on = loop::create({.which = GetParam()});
    const auto talk = [&](client_options with) -> task<> {
        task<stream> connecting_peer = connect(place(one), by(std::move(with)));
        stream peer = co_await connecting_peer;
        const auto known = peer.transport();
        EXPECT_EQ(known->alpn, "echo/1");
        co_await peer.close();
    };
    for (const char* name : {"sala-3", "a.lab.example"})
        on->run(talk({.ca = other->authority, .name = name, .alpn = {"echo/1"}}));
    const error none = failure(place(one), by({.ca = files->authority, .alpn = {"other"}}));
    EXPECT_EQ(none.code(), errc::refused_by_peer) << none.what();
}

TEST_P(served, sessions_are_resumed_until_the_keys_are_too_old) {
    for (const version which : {version::tls_1_2, version::tls_1_3}) {
        server_options how = shown();
        how.newest = which;
        how.ticket_key_lifetime = 1s;
        auto of_server = tls::server(how);
        aperto::options chosen = options(how);
        chosen.transport = of_server;
        aperto::server one(chosen, echo);
        one.start();
        const aperto::client_options client = by({.ca = files->authority});
        for (int i = 0; i < 3; ++i)
            EXPECT_EQ(ask(place(one), "x", client), "x");
        EXPECT_EQ(of_server->counters().handshakes, 3U);
        EXPECT_EQ(of_server->counters().resumed, 2U);
        std::this_thread::sleep_for(2100ms);
        EXPECT_EQ(ask(place(one), "x", client), "x");
        EXPECT_EQ(of_server->counters().resumed, 2U);
    }
}

TEST_P(served, a_reload_is_for_the_next_and_drops_nobody) {
    auto of_server = tls::server(shown());
    aperto::options chosen = options(shown());
    chosen.transport = of_server;
    aperto::server one(chosen, echo);
    one.start();
    const auto on = loop::create({.which = GetParam()});
    const auto talk = [&]() -> task<> {
        task<stream> connecting_peer = connect(place(one), by({.ca = files->authority}));
        stream peer = co_await connecting_peer;
        co_await peer.write("before\n");
        EXPECT_EQ(co_await peer.read_line(), "before");
        const own_files fresh;
        std::filesystem::copy_file(fresh->certificate, files->certificate,
                                   std::filesystem::copy_options::overwrite_existing);
        EXPECT_THROW(of_server->reload(), error) << "the key is another's";
        EXPECT_EQ(of_server->counters().failed_reloads, 1U);
        std::filesystem::copy_file(fresh->key, files->key, std::filesystem::copy_options::overwrite_existing);
        of_server->reload();
        co_await peer.write("after\n");
        EXPECT_EQ(co_await peer.read_line(), "after");
        task<stream> connecting_next = connect(place(one), by({.ca = fresh->authority}));
        stream next = co_await connecting_next;
        co_await next.close();
        co_await peer.close();
    };
    on->run(talk());
    EXPECT_EQ(of_server->counters().reloads, 1U);
}

TEST_P(served, a_transport_of_the_other_side_is_refused_at_once) {
    const auto of_client = tls::client({.ca = files->authority});
    aperto::options chosen = options(shown());
    chosen.transport = of_client;
    try {
        aperto::server one(chosen, echo);
        one.start();
        ADD_FAILURE() << "started";
    } catch (const error& why) {
        EXPECT_EQ(why.code(), aperto::errc::misuse);
        EXPECT_NE(why.advice().find("tls::server"), std::string::npos) << why.advice();
    }
    aperto::client_options asking = by({});
    asking.stream.transport = tls::server(shown());
    const error refused = failure("127.0.0.1:1", asking);
    EXPECT_EQ(refused.code(), aperto::errc::misuse) << refused.what();
    EXPECT_NE(refused.advice().find("tls::client"), std::string::npos) << refused.advice();
}

TEST(files, that_are_no_good_are_told_with_their_names) {
    const own_files files;
    const auto failure = [](server_options how) -> std::string {
        try {
            tls::server(std::move(how));
        } catch (const error& why) {
            return std::string(why.what()) + ". " + why.advice();
        }
        return "";
    };
    EXPECT_NE(failure({"/nowhere/cert.pem", files->key}).find("No such file"), std::string::npos);
    EXPECT_NE(failure({files->key, files->key}).find("use the certificate"), std::string::npos);
    EXPECT_NE(
        failure({files->certificate, files->authority_key}).find("It does not belong to the certificate"),
        std::string::npos);
    EXPECT_THROW(make_authority(files.folder(), {"x"}, 1), error) << "nothing is overwritten";
    EXPECT_EQ(std::filesystem::status(files->key).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

}  // namespace
}  // namespace aperto::tls

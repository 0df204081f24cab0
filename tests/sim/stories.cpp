// SPDX-License-Identifier: MIT
// Stories of clients and a server that do right: everything must arrive, in order, in any weather that breaks
// nothing.
#include "aperto/group.hpp"
#include "sim/story.hpp"

#include <array>
#include <chrono>

namespace aperto::sim {
namespace {

using namespace std::chrono_literals;

client_options patient(framing how, story& it) {
    client_options chosen;
    // Bad luck that breaks nothing still costs seconds.
    chosen.connect_timeout = 20s;
    chosen.stream.framing = how;
    chosen.stream.idle_timeout = chosen.stream.message_deadline = chosen.stream.write_deadline = 1h;
    chosen.stream.high_water = 1 + it.pick(10'000);
    return chosen;
}

/// Ends a client's stream in one of the ways there are.
task<> leave(story& it, stream peer, bool half_closed) {
    switch (it.pick(3)) {
    case 0: {
        task<> closing = peer.close();
        co_await closing;
        break;
    }
    case 1:
        if (!half_closed) co_await peer.shutdown_write();
        while (const std::optional<std::string_view> rest = co_await peer.read_some())
            it.in().expect(rest->empty(), "bytes came after the last reply");
        break;
    default:
        break;  // the destructor ends it
    }
}

/// Says each message and waits for its reply.
task<> ask_one_by_one(story& it, std::size_t who, stream& peer) {
    for (std::size_t which = 0; which < it.said(who).size(); ++which) {
        task<> saying = peer.write_message(it.said(who)[which]);
        co_await saying;
        const std::optional<std::string_view> reply = co_await peer.read_message();
        if (!reply) throw error(errc::cut_short, "read the reply");
        it.client_got(who, which, *reply);
    }
}

task<> say_all(story& it, std::size_t who, stream& peer) {
    for (const std::string& each : it.said(who)) {
        task<> saying = peer.write_message(each);
        co_await saying;
    }
    co_await peer.flush();
}

task<> hear_all(story& it, std::size_t who, stream& peer) {
    for (std::size_t which = 0; which < it.said(who).size(); ++which) {
        const std::optional<std::string_view> reply = co_await peer.read_message();
        if (!reply) throw error(errc::cut_short, "read the reply");
        it.client_got(who, which, *reply);
    }
}

/// Says everything while the replies come.
task<> ask_all_at_once(story& it, std::size_t who, stream& peer) {
    task_group both;
    both.spawn(say_all(it, who, peer));
    both.spawn(hear_all(it, who, peer));
    task<> joined = both.join();
    co_await joined;
}

task<> say_in_pieces(story& it, std::string_view text, stream& peer) {
    while (!text.empty()) {
        const std::size_t size = std::min<std::size_t>(text.size(), 1 + it.pick(3000));
        co_await peer.write(text.substr(0, size));
        text.remove_prefix(size);
    }
    co_await peer.shutdown_write();
}

task<> hear_to_the_end(story& it, std::string_view right, stream& peer) {
    while (const std::optional<std::string_view> part = co_await peer.read_some()) {
        it.in().expect(right.starts_with(*part), "a client got another reply than the right one");
        right.remove_prefix(part->size());
    }
    if (!right.empty()) throw error(errc::cut_short, "read the reply");
}

/// Without framing: the whole text, half-close, the whole answer, which may come meanwhile.
task<> ask_in_a_stream(story& it, std::size_t who, stream& peer) {
    const std::string right = answer_to(it.wire(who));
    task_group both;
    both.spawn(say_in_pieces(it, it.wire(who), peer));
    both.spawn(hear_to_the_end(it, right, peer));
    task<> joined = both.join();
    co_await joined;
}

task<> client(story& it, std::size_t who, framing how, server& office) {
    try {
        host_port where{"office", 9999};
        client_options chosen = patient(how, it);
        task<stream> connecting = connect(where, chosen);
        stream peer = co_await connecting;
        if (how == framing::stream) {
            task<> asking = ask_in_a_stream(it, who, peer);
            co_await asking;
        } else {
            task<> asking = it.toss() ? ask_one_by_one(it, who, peer) : ask_all_at_once(it, who, peer);
            co_await asking;
        }
        task<> leaving = leave(it, std::move(peer), how == framing::stream);
        co_await leaving;
        it.client_finished(who);
    } catch (const error& why) {
        it.client_failed(who, why);
    }
    it.client_left(office);
}

/// A server whose handler owns the conversation: reads by line or by count, as the messages are framed.
task<> serve_lines(story& it, stream peer) {
    const std::uint64_t me = it.pick(~0ULL);
    try {
        while (const std::optional<std::string_view> line = co_await peer.read_line()) {
            it.server_got(me, 0, *line, framing::line);
            const std::string answer = answer_to(*line);
            const std::string_view rest = std::string_view(answer).substr(answer.size() / 2);
            const std::array<std::string_view, 3> parts{std::string_view(answer).substr(0, answer.size() / 2),
                                                        rest, "\n"};
            co_await peer.write(parts);
        }
        task<> closing = peer.close();
        if (it.toss()) co_await closing;
    } catch (const error& why) {
        it.in().expect(it.breaking(), std::string("a session failed in fair weather: ") + why.what());
    }
}

task<> serve_lengths(story& it, stream peer) {
    const std::uint64_t me = it.pick(~0ULL);
    try {
        while (const std::optional<std::string_view> head = co_await peer.read_exactly(length_header_size)) {
            std::size_t size = 0;
            for (const char each : *head)
                size = size << 8 | static_cast<unsigned char>(each);
            const std::optional<std::string_view> body = co_await peer.read_exactly(size);
            if (!body) throw error(errc::cut_short, "read the body");
            it.server_got(me, 0, *body, framing::length);
            std::string framed;
            append_frame(framing::length, answer_to(*body), framed);
            co_await peer.write(framed);
        }
    } catch (const error& why) {
        it.in().expect(it.breaking(), std::string("a session failed in fair weather: ") + why.what());
    }
}

void run_clients(story& it, framing how, const aperto::options& chosen, const handler& what) {
    host& office = it.add_machine("office");
    server shop(chosen, what);
    office.spawn(shop.run_on(office.loop()));
    const std::size_t clients = 1 + it.pick(4);
    for (std::size_t who = 0; who < clients; ++who)
        it.plan_client(who, 1 + it.pick(6), how);
    for (std::size_t who = 0; who < clients; ++who) {
        host& desk = it.add_machine("desk" + std::to_string(who));
        desk.spawn(client(it, who, how, shop));
    }
    it.in().run();
    it.judge(true);
}

}  // namespace

void tell_of_messages(story& it) {
    constexpr std::array framings{framing::stream, framing::line, framing::length};
    const framing how = framings[it.pick(framings.size())];
    aperto::options chosen = it.server_options();
    chosen.framing = how;
    run_clients(it, how, chosen, [&it, how](std::string_view text, exchange& with) {
        it.server_got(with.who().id(), with.offset(), text, how);
        with.reply(answer_to(text));
    });
}

void tell_of_sessions(story& it) {
    const framing how = it.toss() ? framing::line : framing::length;
    run_clients(it, how, it.server_options(), [&it, how](stream peer) {
        return how == framing::line ? serve_lines(it, std::move(peer)) : serve_lengths(it, std::move(peer));
    });
}

void tell_of_a_large_transfer(story& it) {
    aperto::options chosen = it.server_options();
    chosen.framing = framing::stream;
    host& office = it.add_machine("office");
    host& desk = it.add_machine("desk0");
    if (it.toss()) it.in().link(desk, office).bytes_per_second = 50'000;
    server shop(chosen, [&it](std::string_view text, exchange& with) {
        it.server_got(with.who().id(), with.offset(), text, framing::stream);
        with.reply(answer_to(text));
    });
    office.spawn(shop.run_on(office.loop()));
    it.plan_client(0, 20, framing::stream);
    desk.spawn(client(it, 0, framing::stream, shop));
    it.in().run();
    it.judge(true);
}

void tell_of_scarcity(story& it) {
    // Fewer descriptors than clients: some wait in the queue until others have left.
    aperto::options chosen = it.server_options();
    chosen.framing = framing::line;
    host& office = it.in().add_host("office", {.descriptors_max = 4,
                                               .lent_buffers = 1,
                                               .lent_buffer_size = 50,
                                               .engine = it.toss() ? engine::epoll : engine::uring});
    server shop(chosen, [&it](std::string_view text, exchange& with) {
        it.server_got(with.who().id(), with.offset(), text, framing::line);
        with.reply(answer_to(text));
    });
    office.spawn(shop.run_on(office.loop()));
    for (std::size_t who = 0; who < 6; ++who)
        it.plan_client(who, 1 + it.pick(3), framing::line);
    for (std::size_t who = 0; who < 6; ++who) {
        host& desk = it.add_machine("desk" + std::to_string(who));
        desk.spawn(client(it, who, framing::line, shop));
    }
    it.in().run();
    it.judge(true);
}

void tell_a_story(world& in, mischief weather) {
    struct entry {
        const char* name;
        void (*tell)(story&);
    };
    constexpr std::array<entry, 19> all{{{"messages", tell_of_messages},
                                         {"messages", tell_of_messages},
                                         {"messages", tell_of_messages},
                                         {"sessions", tell_of_sessions},
                                         {"sessions", tell_of_sessions},
                                         {"a large transfer", tell_of_a_large_transfer},
                                         {"a slow client", tell_of_a_slow_client},
                                         {"a silent client", tell_of_a_silent_client},
                                         {"a client that never reads", tell_of_a_client_that_never_reads},
                                         {"a stop", tell_of_a_stop},
                                         {"a last word", tell_of_a_last_word},
                                         {"second thoughts", tell_of_second_thoughts},
                                         {"scarcity", tell_of_scarcity},
                                         {"late cancels", tell_of_late_cancels},
                                         {"a fan-out", tell_of_a_fan_out},
                                         {"a door that moves", tell_of_a_door_that_moves},
                                         {"sleepers", tell_of_sleepers},
                                         {"hits and runs", tell_of_hits_and_runs},
                                         {"large writes", tell_of_large_writes}}};
    story it(in, weather);
    const entry& chosen = all[it.pick(all.size())];
    in.note(std::string("a story of ") + chosen.name);
    chosen.tell(it);
}

}  // namespace aperto::sim

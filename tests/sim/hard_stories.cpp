// SPDX-License-Identifier: MIT
// Stories in which somebody misbehaves, or the end comes early: deadlines are kept, both ways, and nothing is
// left.
#include "aperto/group.hpp"
#include "aperto/sleep.hpp"
#include "sim/story.hpp"

#include <chrono>

namespace aperto::sim {
namespace {

using namespace std::chrono_literals;

/// What fair weather may add to a deadline: packets lost twice, late completions and late cancels, the
/// timers' tick.
constexpr duration weather_delay = 3s;

client_options patient(story& it) {
    client_options chosen;
    chosen.connect_timeout = 20s;
    chosen.stream.framing = framing::line;
    chosen.stream.idle_timeout = forever;
    chosen.stream.message_deadline = forever;
    chosen.stream.write_deadline = forever;
    chosen.stream.high_water = 1 + it.pick(10'000);
    return chosen;
}

/// The one conversation of these stories was ended by a deadline, at the right time.
void expect_deadline(story& it, duration least) {
    if (it.breaking()) return;
    it.in().expect(it.endings().size() == 1, "there was not one conversation");
    const story::ending& end = it.endings().front();
    it.in().expect(
        end.reason == close_reason::deadline,
        "the conversation ended for another reason than its deadline: " + std::string(to_string(end.reason)));
    it.in().expect(end.lifetime >= least, "the deadline struck too early");
    it.in().expect(end.lifetime <= least + 2 * weather_delay + 2s, "the deadline struck too late");
}

using misbehaviour = task<> (*)(story& it, stream& peer);

task<> bad_client(story& it, server& shop, misbehaviour act) {
    try {
        host_port where{"office", 9999};
        client_options chosen = patient(it);
        task<stream> connecting = connect(where, chosen);
        stream peer = co_await connecting;
        task<> acting = act(it, peer);
        co_await acting;
        it.in().expect(it.breaking(), "the server let a misbehaving client come to its end");
    } catch (const error&) {
        // It was cut off: so it should be.
    }
    it.client_left(shop);
}

task<> drip(story& it, stream& peer) {
    // A byte now and then, which is activity, but no message.
    const duration pause = std::chrono::milliseconds(50 + it.pick(400));
    for (int i = 0; i < 2000; ++i) {
        co_await peer.write("x");
        co_await sleep(pause);
    }
}

task<> be_silent(story&, stream& peer) {
    for (;;) {
        const std::optional<std::string_view> some = co_await peer.read_some();
        if (!some) throw error(errc::cut_short, "go on in silence");
    }
}

task<> never_read(story&, stream& peer) {
    for (;;) {
        co_await peer.write("give me more\n");
        co_await sleep(1ms);
    }
}

void run_bad_client(story& it, const aperto::options& chosen, const handler& what, misbehaviour act) {
    // Small windows, so that they fill soon; and no losses, for the time they cost would hide the deadline's.
    it.in().faults().lost_packet = 0;
    const host_options small{.send_buffer = 2000,
                             .receive_buffer = 500 + static_cast<std::uint32_t>(it.pick(2000))};
    host& office = it.in().add_host("office", small);
    host& desk = it.in().add_host("desk0", small);
    server shop(chosen, what);
    it.plan_client(0, 0, framing::line);
    office.spawn(shop.run_on(office.loop()));
    desk.spawn(bad_client(it, shop, act));
    it.in().run();
}

std::string repeat(std::string_view text) { return answer_to(text); }

task<> steady_client(story& it, std::size_t who, server& shop) {
    try {
        host_port where{"office", 9999};
        client_options chosen = patient(it);
        chosen.stream.idle_timeout = chosen.stream.message_deadline = chosen.stream.write_deadline = 1h;
        task<stream> connecting = connect(where, chosen);
        stream peer = co_await connecting;
        for (std::size_t which = 0; which < it.said(who).size(); ++which) {
            task<> saying = peer.write_message(it.said(who)[which]);
            co_await saying;
            const std::optional<std::string_view> reply = co_await peer.read_message();
            if (!reply) break;
            it.client_got(who, which, *reply);
            if (it.toss()) co_await sleep(std::chrono::milliseconds(it.pick(30)));
        }
        it.client_finished(who);
    } catch (const cancellation&) {
        // It changed its mind.
    } catch (const error& why) {
        // In these stories somebody may be turned away, but nothing wrong may be heard.
        it.in().expect(it.breaking() || why.code() != errc::malformed, why.what());
    }
    it.client_left(shop);
}

/// In the world's time.
struct stop_times {
    duration stopped{};
    duration ended{};
};

task<> stop_later(story& it, server& shop, stop_times& when) {
    co_await sleep(std::chrono::microseconds(it.pick(120'000)));
    when.stopped = it.in().elapsed();
    shop.stop();
}

task<> run_server(story& it, server& shop, loop& on, stop_times& when) {
    task<> serving = shop.run_on(on);
    co_await serving;
    when.ended = it.in().elapsed();
}

/// Goes on speaking, whether or not the server still listens.
task<> say_on(story& it, std::size_t who, stream& peer) {
    try {
        for (const std::string& each : it.said(who)) {
            task<> saying = peer.write_message(each);
            co_await saying;
        }
        co_await peer.flush();
    } catch (const error&) {
        // The server has closed; what counts is what it said before.
    }
}

task<> hear_out(story& it, std::size_t who, stream& peer) {
    for (std::size_t which = 0;; ++which) {
        const std::optional<std::string_view> reply = co_await peer.read_message();
        if (!reply) break;
        it.client_got(who, which, *reply);
    }
}

task<> talkative_client(story& it, std::size_t who, server& shop) {
    try {
        host_port where{"office", 9999};
        client_options chosen = patient(it);
        task<stream> connecting = connect(where, chosen);
        stream peer = co_await connecting;
        task_group both;
        both.spawn(say_on(it, who, peer));
        both.spawn(hear_out(it, who, peer));
        task<> joined = both.join();
        co_await joined;
        it.client_finished(who);
    } catch (const error& why) {
        it.client_failed(who, why);
    }
    it.client_left(shop);
}

/// Cancels the scope at a time of its own, whatever goes on in it.
task<> change_mind(story& it, cancel_scope& scope, duration latest) {
    co_await sleep(duration(static_cast<duration::rep>(it.pick(static_cast<std::uint64_t>(latest.count())))));
    scope.cancel();
}

task<> fickle_client(story& it, std::size_t who, server& shop) {
    cancel_scope scope;
    task_group both;
    auto guarded = [](story& of_it, std::size_t me, server& of_shop, cancel_scope& in) -> task<> {
        task<> work = steady_client(of_it, me, of_shop);
        work.in(in);
        co_await work;
    };
    both.spawn(guarded(it, who, shop, scope));
    both.spawn(change_mind(it, scope, 40ms));
    task<> joined = both.join();
    co_await joined;
}

}  // namespace

void tell_of_a_slow_client(story& it) {
    aperto::options chosen = it.server_options();
    chosen.framing = framing::line;
    chosen.message_deadline = 5s;
    chosen.idle_timeout = 30s;
    run_bad_client(it, chosen, repeat, drip);
    expect_deadline(it, 5s - 1ms);
}

void tell_of_a_silent_client(story& it) {
    aperto::options chosen = it.server_options();
    chosen.framing = framing::line;
    chosen.idle_timeout = 4s;
    chosen.message_deadline = 30s;
    run_bad_client(it, chosen, repeat, be_silent);
    expect_deadline(it, 4s - 1ms);
}

void tell_of_a_client_that_never_reads(story& it) {
    aperto::options chosen = it.server_options();
    chosen.framing = framing::line;
    chosen.write_deadline = 3s;
    chosen.idle_timeout = chosen.message_deadline = 60s;
    run_bad_client(it, chosen, [](std::string_view) { return std::string(10'000, 'r'); }, never_read);
    expect_deadline(it, 3s - 1ms);
}

void tell_of_a_stop(story& it) {
    aperto::options chosen = it.server_options();
    chosen.framing = framing::line;
    chosen.drain_deadline = 5s;
    host& office = it.add_machine("office");
    server shop(chosen, [&it](std::string_view text, exchange& with) {
        it.server_got(with.who().id(), with.offset(), text, framing::line);
        with.reply(answer_to(text));
    });
    stop_times when;
    office.spawn(run_server(it, shop, office.loop(), when));
    office.spawn(stop_later(it, shop, when));
    const std::size_t clients = 1 + it.pick(3);
    for (std::size_t who = 0; who < clients; ++who)
        it.plan_client(who, 1 + it.pick(8), framing::line);
    for (std::size_t who = 0; who < clients; ++who)
        it.add_machine("desk" + std::to_string(who)).spawn(steady_client(it, who, shop));
    // One more may be in the way of the orderly end, with a message that never comes to its end.
    const bool stuck = it.toss();
    if (stuck) {
        it.plan_client(clients, 0, framing::line);
        it.add_machine("stuck").spawn(bad_client(it, shop, drip));
    }
    it.in().run();
    it.in().expect(when.ended - when.stopped <= 5s + 2 * weather_delay, "the server stopped too late");
    duration last = when.stopped;
    for (const story::ending& each : it.endings())
        last = std::max(last, each.at);
    it.in().expect(when.ended - last <= 50ms,
                   "the server did not notice that its last conversation had ended");
    if (when.ended - when.stopped < 5s) it.judge_replies();
}

void tell_of_a_last_word(story& it) {
    // The server ends the conversation while the client still speaks: its last reply must arrive all the
    // same.
    it.in().faults().lost_packet = 0;
    aperto::options chosen = it.server_options();
    chosen.framing = framing::line;
    host& office = it.in().add_host("office");
    host& desk = it.in().add_host("desk0");
    std::size_t left = 1 + it.pick(4);
    server shop(chosen, [&it, &left](std::string_view text, exchange& with) {
        it.server_got(with.who().id(), with.offset(), text, framing::line);
        with.reply(answer_to(text));
        if (--left == 0) with.close();
    });
    office.spawn(shop.run_on(office.loop()));
    it.plan_client(0, left + it.pick(5), framing::line);
    desk.spawn(talkative_client(it, 0, shop));
    it.in().run();
    it.judge(true);
    it.judge_replies();
}

void tell_of_second_thoughts(story& it) {
    aperto::options chosen = it.server_options();
    chosen.framing = framing::line;
    host& office = it.add_machine("office");
    server shop(chosen, [&it](std::string_view text, exchange& with) {
        it.server_got(with.who().id(), with.offset(), text, framing::line);
        with.reply(answer_to(text));
    });
    office.spawn(shop.run_on(office.loop()));
    const std::size_t clients = 1 + it.pick(3);
    for (std::size_t who = 0; who < clients; ++who)
        it.plan_client(who, 1 + it.pick(8), framing::line);
    for (std::size_t who = 0; who < clients; ++who)
        it.add_machine("desk" + std::to_string(who)).spawn(fickle_client(it, who, shop));
    it.in().run();
}

}  // namespace aperto::sim

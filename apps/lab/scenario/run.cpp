// SPDX-License-Identifier: MIT
#include "core/sentence.hpp"
#include "core/signal_set.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/hosts/host.hpp"
#include "lab/hosts/program.hpp"
#include "lab/scenario/in_order.hpp"
#include "lab/scenario/scenario.hpp"
#include "lab/scenario/socket_watch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace aperto::lab {

using namespace std::chrono_literals;

namespace {

/// A connection that says nothing for so long will not say more by itself once the programs have ended.
constexpr duration quiet = 3s;
constexpr duration settle_max = 10s;
constexpr duration last_chance = 5s;  ///< of a program that is told to end

duration clock_now() { return std::chrono::steady_clock::now().time_since_epoch(); }

wire_plan wire_between(const run_plan& plan) {
    auto out = plan.wire;
    out.senders = {traits_of(plan.client), traits_of(plan.server)};
    return out;
}

/// The run while it goes on: the hosts, the wire between them and the programs' output.
class running {
public:
    running(const run_plan& plan, const run_watcher& watcher, signal_set& signals)
        : plan_(plan),
          watcher_(watcher),
          signals_(signals),
          hosts_(plan.client, plan.server),
          watch_(hosts_, plan),
          wire_(watch_.told_to(wire_between(plan)), hosts_.descriptor_of(side::client, host_descriptor::tun),
                hosts_.descriptor_of(side::server, host_descriptor::tun)),
          packets_(watcher),
          end_(clock_now() + plan.timeout) {
        watch_.stops(wire_);
        for (const auto host : {side::client, side::server}) {
            report_.kernel[index(host)].at_start = hosts_.counters(host);
        }
        watcher.ready(hosts_.missing_settings());
    }

    ~running() { watch_.end(); }
    running(const running&) = delete;
    running& operator=(const running&) = delete;

    run_report go() {
        start(side::server, plan_.server_program);
        if (wait_for_server()) {
            if (hosts_.listens_to_itself(side::server)) {
                watcher_.notice(
                    _("the server listens on a loopback address alone, where the client, which is "
                      "another host, cannot reach it: let it listen on every address, or on that of "
                      "its host name"));
            }
            start(side::client, plan_.client_program);
            wait_for([this] { return ended_[index(side::client)]; });
            report_.timed_out = !ended_[index(side::client)] && !is_over();
            const bool stopped = watch_.stopped();
            stop_program(side::client);
            if (!stopped) {
                let_it_settle();
            }
        } else {
            report_.timed_out = !server_given_up() && !is_over();
            if (report_.timed_out) {
                watcher_.notice(waiting());
            }
        }
        stop_program(side::server);
        return finish();
    }

private:
    /// Ctrl-C ends the run as an end of time does; the second one ends the program, and the kernel cleans up.
    bool interrupted() noexcept {
        if (const int signal = signals_.take(); signal != 0) interrupted_ = signal;
        return interrupted_ != 0;
    }

    /// Nothing more is waited for, but for programs to end.
    bool is_over() noexcept { return interrupted() || (watch_.stopped() && !taking_down_); }

    template <class condition>
    bool wait_for(condition done, duration at_most = duration::max()) {
        const auto last = at_most == duration::max() ? end_ : std::min(end_, clock_now() + at_most);
        while (!done() && !is_over()) {
            const auto now = clock_now();
            if (now >= last) {
                return false;
            }
            turn(std::min<duration>(last - now, look_again()));
        }
        return done();
    }

    /// The longest turn. Programs that end or print cut it short.
    duration look_again() const {
        constexpr duration shortest = 5ms;
        constexpr duration longest = 60s;
        if (!plan_.in_virtual_time || plan_.ask_kernel) {
            return shortest;
        }
        const auto quiet_for = began_ ? wire_.now() - wire_.last_activity() : clock_now() - server_started_;
        return std::clamp<duration>(quiet_for / 4, shortest, longest);
    }

    bool server_ready() const {
        const auto& wanted = plan_.ready;
        const auto has = [&](const std::vector<std::uint16_t>& ports) {
            return wanted.port == 0 ? !ports.empty()
                                    : std::find(ports.begin(), ports.end(), wanted.port) != ports.end();
        };
        switch (wanted.what) {
        case readiness::sign::tcp:
            return has(hosts_.listening_ports(side::server));
        case readiness::sign::udp:
            return has(hosts_.udp_ports(side::server));
        case readiness::sign::line:
            return sign_printed_;
        case readiness::sign::delay:
            return clock_now() - server_started_ >= wanted.delay && !server_given_up();
        }
        return false;
    }

    /// One that went into the background has ended with 0, and left something that may still become ready.
    bool server_given_up() const {
        const auto at = index(side::server);
        return ended_[at] && (report_.programs[at].code != 0 || gone_[at]);
    }

    bool wait_for_server() {
        constexpr duration say_after = 2s;
        server_started_ = clock_now();
        const auto over = [this] { return server_given_up() || server_ready(); };
        if (!wait_for(over, say_after) && !is_over()) {
            watcher_.notice(waiting());
            wait_for(over);
        }
        return server_ready();
    }

    std::string waiting() const {
        const auto text = waiting_text(plan_.ready);
        const auto udp = hosts_.udp_ports(side::server);
        return plan_.ready.what != readiness::sign::tcp || udp.empty()
                   ? text
                   : sentence(_("{}; it has bound UDP port {}: write --ready udp:{}"), text, udp.front(),
                              udp.front());
    }

    /// Until the connections are closed, so that the ladder shows their end too.
    void let_it_settle() {
        wait_for(
            [this] {
                const bool open = hosts_.open_sockets(side::client) + hosts_.open_sockets(side::server) > 0;
                const bool still = wire_.now() - wire_.last_activity() > quiet;
                return wire_.under_way() == 0 && (!open || still);
            },
            settle_max);
        // A server that ends with its connection gets the time to say so before it is told to end.
        const duration last_words =
            plan_.server_program.ends_by_itself && report_.interrupted == 0 ? 5s : 500ms;
        wait_for([this] { return gone_[index(side::server)]; }, last_words);
    }

    /// In virtual time each program starts at a whole tenth of a second: how often the clock was read before, which
    /// takes a moment of it each time, is then nothing that a run could meet.
    void wait_for_a_round_moment() const {
        if (plan_.in_virtual_time) {
            constexpr duration step = 100ms;
            const auto at = (clock_now() / step + 1) * step;
            const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at);
            const timespec until{static_cast<time_t>(seconds.count()),
                                 static_cast<long>((at - seconds).count())};
            while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
            }
        }
    }

    void start(side host, const program& what) {
        wait_for_a_round_moment();
        auto& output = outputs_[index(host)];
        // A terminal is left to the lab itself: a program in a process group of its own may not read from it.
        const descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        const bool give_input =
            host == side::client && ::isatty(STDIN_FILENO) == 0 && ::fcntl(STDIN_FILENO, F_GETFD) != -1;
        hosts_.start(host, what.arguments,
                     {give_input ? STDIN_FILENO : nothing.get(), output.write_end(), output.write_end()});
        while (!started_[index(host)] && !is_over()) {
            turn(5ms);
        }
        output.close_write_end();
        report_.programs[index(host)].started = started_[index(host)];
    }

    void turn(duration at_most) {
        std::array<pollfd, 5> watched{{{hosts_.control_of(side::client), POLLIN, 0},
                                       {hosts_.control_of(side::server), POLLIN, 0},
                                       {outputs_[0].read_end(), POLLIN, 0},
                                       {outputs_[1].read_end(), POLLIN, 0},
                                       {taking_down_ ? -1 : watch_.descriptor_of_stop(), POLLIN, 0}}};
        ::poll(watched.data(), watched.size(), static_cast<int>(at_most.count() / 1'000'000) + 1);
        take_packets();
        sample_kernels();
        watcher_.turn();
        for (const auto host : {side::client, side::server}) {
            if (watched[2 + index(host)].revents != 0) {
                read_output(host);
            }
            if (watched[index(host)].revents != 0) {
                hear(host);
            }
        }
    }

    void take_packets() {
        wire_.take_events(fresh_);
        if (!began_ && wire_.now() != instant{}) {
            began_ = true;
            watcher_.began(wire_.began());
        }
        packets_.take(fresh_);
    }

    void take_line(side host, const std::string& line) {
        sign_printed_ = sign_printed_ || (host == side::server && plan_.ready.what == readiness::sign::line &&
                                          line.find(plan_.ready.line) != std::string::npos);
        watcher_.output(host, line);
    }

    bool read_output(side host) {
        return outputs_[index(host)].read([&](const std::string& line) { take_line(host, line); });
    }

    /// What a program that has ended left in its pipe; one that goes on in the background may print for ever.
    void read_last_output(side host) {
        constexpr int turns_max = 16;
        for (int i = 0; i < turns_max && read_output(host); ++i) {
        }
        outputs_[index(host)].finish([&](const std::string& line) { take_line(host, line); });
    }

    void hear(side host) {
        message what;
        if (!receive_message(hosts_.control_of(host), what)) {
            throw std::runtime_error(_("a host process ended before its time"));
        }
        const auto& asked = host == side::client ? plan_.client_program : plan_.server_program;
        if (what.type == 'S') {
            started_[index(host)] = true;
        } else if (what.type == 'F') {
            throw bad_input(sentence(_("could not start '{}': {}"), asked.text,
                                     std::generic_category().message(what.code)));
        } else if (what.type == 'X') {
            ended_[index(host)] = true;
            auto& program = report_.programs[index(host)];
            program.code = WIFEXITED(what.code) ? WEXITSTATUS(what.code) : 128 + WTERMSIG(what.code);
        } else if (what.type == 'G') {
            gone_[index(host)] = true;
        }
    }

    void sample_kernels() {
        constexpr duration between = 5ms;
        const auto now = wire_.now();
        if (!plan_.ask_kernel || now < next_sample_ || now == instant{}) {
            return;
        }
        next_sample_ = now + between;
        for (const auto host : {side::client, side::server}) {
            for (const auto& one : watch_.ask(host, plan_.client.v6)) {
                auto& last = last_sample_[index(host)];
                constexpr std::size_t kept_max = 100'000;
                if (!(one == last) && report_.kernel_samples.size() < kept_max) {
                    report_.kernel_samples.push_back({now, host, one});
                    last = one;
                }
            }
        }
    }

    void stop_program(side host) {
        if (interrupted() && report_.interrupted == 0) report_.interrupted = interrupted_;
        by_itself_[index(host)] = ended_[index(host)];
        taking_down_ = watch_.stopped();
        // What a client left in the background may go on until its connections are closed.
        const auto& over = host == side::client ? ended_[index(host)] : gone_[index(host)];
        if (!started_[index(host)] || over) {
            return;
        }
        // Its last chance comes after the run's end of time: some seconds of its own, for a database to
        // close.
        end_ = std::max(end_, clock_now() + last_chance + 1s);
        interrupted_ = 0;
        // Where it was stopped, nothing a program says any more would be heard.
        const bool at_once = watch_.stopped();
        hosts_.signal(host, at_once ? SIGKILL : SIGTERM);
        if (!wait_for([&] { return over; }, last_chance) && !at_once) {
            hosts_.signal(host, SIGKILL);
            wait_for([&] { return over; }, 1s);
        }
    }

    run_report finish() {
        turn(0ms);
        for (const auto host : {side::client, side::server}) {
            read_last_output(host);
            report_.programs[index(host)].ended = by_itself_[index(host)];
            report_.dropped_at_tun[index(host)] = hosts_.dropped_at_tun(host);
            report_.kernel[index(host)].at_end = hosts_.counters(host);
        }
        report_.took = wire_.now();
        watch_.end();
        wire_.stop();  // a late packet may still be the one that is waited for
        watch_.finish(report_);
        for (const auto host : {side::client, side::server}) {
            report_.kernel[index(host)].after_end = hosts_.counters(host);
        }
        if (report_.stopped) {
            report_.kernel = {};  // it went on counting what the wire no more carried
        }
        take_packets();
        packets_.finish();
        report_.seed = plan_.wire.seed;
        report_.flows = wire_.tracker().flows();
        for (auto& one : report_.flows) {
            end_windows(one, report_.took);
        }
        report_.packets = wire_.packets();
        report_.datagrams = wire_.datagrams();
        report_.lost_by = wire_.lost_by();
        for (std::size_t i = 0; i < report_.struck.size(); ++i) {
            report_.struck[i] = wire_.struck_by(i);
        }
        report_.added_median = wire_.added().quantile(0.5);
        report_.added_p99 = wire_.added().quantile(0.99);
        report_.refused = wire_.refused();
        report_.decisions = wire_.decisions();
        return std::move(report_);
    }

    const run_plan& plan_;
    const run_watcher& watcher_;
    signal_set& signals_;
    int interrupted_ = 0;  ///< by which signal
    box hosts_;
    socket_watch watch_;
    wire wire_;
    in_order packets_;
    std::array<program_output, 2> outputs_;
    duration end_;
    run_report report_;
    std::vector<seen_packet> fresh_;
    bool began_ = false;
    bool sign_printed_ = false;
    bool taking_down_ = false;
    duration server_started_{};
    std::array<bool, 2> started_{};
    std::array<bool, 2> ended_{};
    std::array<bool, 2> gone_{};
    std::array<bool, 2> by_itself_{};
    instant next_sample_{};
    std::array<kernel_connection, 2> last_sample_{};
};

}  // namespace

run_report run_lab_once(const run_plan& plan, const run_watcher& watcher) {
    signal_set signals({.ending = {SIGINT, SIGTERM}});
    running run(plan, watcher, signals);
    return run.go();
}

}  // namespace aperto::lab

// SPDX-License-Identifier: MIT
#include "lab/run.hpp"

#include "core/signal_set.hpp"
#include "lab/bad_input.hpp"
#include "lab/box.hpp"
#include "lab/kernel_view.hpp"
#include "lab/program_output.hpp"
#include "lab/sentence.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <map>

namespace aperto::lab {

using namespace std::chrono_literals;

namespace {

/// A connection that says nothing for so long will not say more by itself once the programs have ended.
constexpr duration quiet = 3s;
constexpr duration settle_max = 10s;

duration clock_now() { return std::chrono::steady_clock::now().time_since_epoch(); }

/// Hands packets on in the order they entered, however they left.
class in_order {
public:
    explicit in_order(const run_watcher& watcher) : watcher_(watcher) {}

    void take(std::vector<seen_packet>& fresh) {
        for (auto& one : fresh) {
            if (one.what.number == next_ && waiting_.empty()) {
                watcher_.packet(one);
                ++next_;
            } else {
                const auto number = one.what.number;
                waiting_.emplace(number, std::move(one));
            }
        }
        while (!waiting_.empty() && waiting_.begin()->first == next_) {
            watcher_.packet(waiting_.begin()->second);
            waiting_.erase(waiting_.begin());
            ++next_;
        }
        fresh.clear();
    }

    void finish() {
        for (const auto& [number, one] : waiting_) {
            watcher_.packet(one);
        }
        waiting_.clear();
    }

private:
    const run_watcher& watcher_;
    std::uint64_t next_ = 1;
    std::map<std::uint64_t, seen_packet> waiting_;
};

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
          wire_(wire_between(plan), hosts_.descriptor_of(side::client, host_descriptor::tun),
                hosts_.descriptor_of(side::server, host_descriptor::tun)),
          packets_(watcher),
          end_(clock_now() + plan.timeout) {
        for (const auto host : {side::client, side::server}) {
            report_.kernel[index(host)].at_start = hosts_.counters(host);
        }
        watcher.ready(hosts_.missing_settings());
    }

    run_report go() {
        start(side::server, plan_.server_program);
        if (wait_for_server()) {
            start(side::client, plan_.client_program);
            wait_for([this] { return ended_[index(side::client)]; });
            report_.timed_out = !ended_[index(side::client)] && !interrupted();
            stop_program(side::client);
            let_it_settle();
        } else {
            report_.timed_out = !ended_[index(side::server)] && !interrupted();
        }
        by_itself_[index(side::server)] = ended_[index(side::server)];
        stop_program(side::server);
        return finish();
    }

private:
    /// Ctrl-C ends the run as an end of time does; the second one ends the program, and the kernel cleans up.
    bool interrupted() noexcept {
        if (signals_.take() != 0) interrupted_ = true;
        return interrupted_;
    }

    template <class condition>
    bool wait_for(condition done, duration at_most = duration::max()) {
        const auto last = at_most == duration::max() ? end_ : std::min(end_, clock_now() + at_most);
        while (!done() && !interrupted()) {
            const auto now = clock_now();
            if (now >= last) {
                return false;
            }
            turn(std::min<duration>(last - now, 5ms));
        }
        return done();
    }

    bool wait_for_server() {
        const bool listens =
            wait_for([this] { return ended_[index(side::server)] || hosts_.listens(side::server); });
        return listens && hosts_.listens(side::server);
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
        const duration last_words = plan_.server_program.ends_by_itself && !report_.interrupted ? 5s : 500ms;
        wait_for([this] { return ended_[index(side::server)]; }, last_words);
    }

    void start(side host, const program& what) {
        auto& output = outputs_[index(host)];
        // A terminal is left to the lab itself: a program in a process group of its own may not read from it.
        const descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        const bool give_input =
            host == side::client && ::isatty(STDIN_FILENO) == 0 && ::fcntl(STDIN_FILENO, F_GETFD) != -1;
        hosts_.start(host, what.arguments,
                     {give_input ? STDIN_FILENO : nothing.get(), output.write_end(), output.write_end()});
        while (!started_[index(host)] && !interrupted()) {
            turn(5ms);
        }
        output.close_write_end();
        report_.programs[index(host)].started = started_[index(host)];
    }

    void turn(duration at_most) {
        std::array<pollfd, 4> watched{{{hosts_.control_of(side::client), POLLIN, 0},
                                       {hosts_.control_of(side::server), POLLIN, 0},
                                       {outputs_[0].read_end(), POLLIN, 0},
                                       {outputs_[1].read_end(), POLLIN, 0}}};
        ::poll(watched.data(), watched.size(), static_cast<int>(at_most.count() / 1'000'000) + 1);
        wire_.take_events(fresh_);
        packets_.take(fresh_);
        sample_kernels();
        for (const auto host : {side::client, side::server}) {
            if (watched[2 + index(host)].revents != 0) {
                read_output(host);
            }
            if (watched[index(host)].revents != 0) {
                hear(host);
            }
        }
    }

    void read_output(side host) {
        outputs_[index(host)].read([&](const std::string& line) {
            constexpr std::size_t lines_kept = 1000;
            auto& kept = report_.programs[index(host)].output;
            if (kept.size() == lines_kept) {
                kept.erase(kept.begin());
            }
            kept.push_back(line);
            watcher_.output(host, line);
        });
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
            for (const auto& one :
                 ask_kernel(hosts_.descriptor_of(host, host_descriptor::diag), plan_.client.v6)) {
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
        report_.interrupted = report_.interrupted || interrupted();
        if (!started_[index(host)] || ended_[index(host)]) {
            by_itself_[index(host)] = ended_[index(host)];
            return;
        }
        // Its last chance comes after the run's end of time: a second of its own.
        end_ = std::max(end_, clock_now() + 3s);
        interrupted_ = false;
        hosts_.signal(host, SIGTERM);
        if (!wait_for([&] { return ended_[index(host)]; }, 1s)) {
            hosts_.signal(host, SIGKILL);
            wait_for([&] { return ended_[index(host)]; }, 1s);
        }
    }

    run_report finish() {
        turn(0ms);
        for (const auto host : {side::client, side::server}) {
            read_output(host);
            outputs_[index(host)].finish([&](const std::string& line) {
                report_.programs[index(host)].output.push_back(line);
                watcher_.output(host, line);
            });
            report_.programs[index(host)].ended = by_itself_[index(host)];
            report_.dropped_at_tun[index(host)] = hosts_.dropped_at_tun(host);
            report_.kernel[index(host)].at_end = hosts_.counters(host);
        }
        report_.took = wire_.now();
        wire_.stop();
        for (const auto host : {side::client, side::server}) {
            report_.kernel[index(host)].after_end = hosts_.counters(host);
        }
        wire_.take_events(fresh_);
        packets_.take(fresh_);
        packets_.finish();
        report_.seed = plan_.wire.seed;
        report_.flows = wire_.tracker().flows();
        report_.packets = wire_.packets();
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
    bool interrupted_ = false;
    box hosts_;
    wire wire_;
    in_order packets_;
    std::array<program_output, 2> outputs_;
    duration end_;
    run_report report_;
    std::vector<seen_packet> fresh_;
    std::array<bool, 2> started_{};
    std::array<bool, 2> ended_{};
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

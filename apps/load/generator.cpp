// SPDX-License-Identifier: MIT
#include "load/generator.hpp"

#include "aperto/error.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

namespace aperto::load {
namespace {

constexpr std::int64_t ns_per_s = 1'000'000'000;
constexpr std::int64_t tell_every_ns = ns_per_s / 2;
constexpr std::size_t events_a_turn = 512;
constexpr std::size_t buffer_size = 256 * 1024;
// Handshakes in progress at once: no more than the smallest backlog that servers ask for (listen(2), 128).
constexpr std::size_t connecting_max = 100;
constexpr std::size_t files_of_our_own = 16;

void need_files(std::size_t connections) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    if (connections + files_of_our_own <= limit.rlim_cur) return;
    throw error(std::make_error_code(std::errc::too_many_files_open), "open",
                std::to_string(connections) + " connections");
}

}  // namespace

generator::generator(const plan& what, progress_listener listener)
    : plan_((check(what), need_files(what.connections + what.idle_connections), what)),
      listener_(std::move(listener)),
      target_(what),
      tape_(what),
      events_(events_a_turn),
      buffer_(buffer_size),
      links_(what.connections + what.idle_connections),
      stamps_(what.connections * what.pipeline) {
    if (plan_.server_pid != 0) server_.emplace(plan_.server_pid);
    if (plan_.rate > 0) interval_ns_ = static_cast<double>(ns_per_s) / plan_.rate;
    // Timers of this thread expire when they say, not up to 50 µs later (PR_SET_TIMERSLACK, prctl(2)).
    ::prctl(PR_SET_TIMERSLACK, 1);
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) throw error::from_result(-errno, "wait for sockets");
}

generator::~generator() {
    for (link& each : links_) {
        if (each.descriptor >= 0) ::close(each.descriptor);
    }
    if (epoll_ >= 0) ::close(epoll_);
}

outcome generator::run(const std::atomic<bool>* stop) {
    stop_ = stop;
    outcome_.target = target_.name();
    outcome_.sources = target_.sources();
    now_ns_ = load::now_ns();
    next_tell_ns_ = now_ns_ + tell_every_ns;
    if (const auto memory = server_ ? server_->read_memory() : std::nullopt) {
        outcome_.server_memory_before = memory->resident;
    }
    open_idle();
    if (const auto memory = server_ ? server_->read_memory() : std::nullopt) {
        outcome_.server_memory_idle = memory->resident;
    }
    if (!plan_.per_message_connection) open_range(0, plan_.connections);
    if (const auto memory = server_ ? server_->read_memory() : std::nullopt) {
        outcome_.server_memory_connected = memory->resident;
    }
    load_and_measure();
    wait_for_late_replies();
    close_books();
    return std::move(outcome_);
}

void generator::load_and_measure() {
    if (over()) return;  // it came to nothing while connecting
    asking_ = true;
    requests_end_ = plan_.requests == 0 ? UINT64_MAX : plan_.requests;
    if (plan_.warm_up.count() == 0) begin_window();
    now_ns_ = rate_began_ns_ = load::now_ns();  // after the window's start, which then holds every due time
    for (std::size_t i = 0; i < plan_.connections && !over(); ++i) {
        begin_requests(i);
    }
    if (!in_window_) {
        load_until(now_ns_ + plan_.warm_up.count());
        begin_window();
    }
    if (!over()) {
        const bool timed = plan_.duration.count() > 0;
        load_until(timed ? window_began_ns_ + plan_.duration.count() : INT64_MAX);
        measure_window();
    }
    asking_ = in_window_ = false;
    requests_end_ = interval_ns_ > 0 ? std::min(requests_end_, next_due_) : 0;
}

void generator::open_idle() {
    for (std::size_t i = plan_.connections; i < links_.size(); ++i) {
        links_[i].idle = true;
    }
    open_range(plan_.connections, links_.size());
}

void generator::open_range(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end && !over(); ++i) {
        open(i);
        while ((connecting_ >= connecting_max || no_port_since_ns_ != 0) && !over()) {
            turn(INT64_MAX);
        }
    }
    while ((connecting_ > 0 || !reopen_.empty()) && !over()) {
        turn(INT64_MAX);
    }
}

void generator::load_until(std::int64_t end_ns) {
    while (now_ns_ < end_ns && !over() && !enough()) {
        turn(end_ns);
        if (end_ns == INT64_MAX && silent_too_long()) return;
    }
}

// A run without a duration ends all the same when nothing that was asked for comes back any more.
bool generator::silent_too_long() noexcept {
    if (heard_ || heard_ns_ == 0 || in_flight_ == 0) heard_ns_ = now_ns_;
    heard_ = false;
    return now_ns_ - heard_ns_ > plan_.patience.count();
}

bool generator::enough() const noexcept {
    return plan_.requests != 0 && begun_ >= plan_.requests && in_flight_ == 0;
}

void generator::begin_window() {
    in_window_ = true;
    outcome_.latency.reset();
    outcome_.corrected.reset();
    outcome_.answered = outcome_.bytes_sent = outcome_.bytes_received = 0;
    if (plan_.per_message_connection) outcome_.connect.reset();
    own_began_ = own_usage::read();
    if (server_) server_cpu_began_ns_ = server_->cpu_ns();
    now_ns_ = window_began_ns_ = load::now_ns();
    told_answers_ = 0;
}

void generator::measure_window() {
    now_ns_ = load::now_ns();
    outcome_.elapsed_ns = now_ns_ - window_began_ns_;
    const own_usage own = own_usage::read();
    outcome_.own_cpu_ns = own.cpu_ns - own_began_.cpu_ns;
    outcome_.own_waited_ns = own.waited_ns - own_began_.waited_ns;
    if (!server_) return;
    const std::int64_t cpu_ns = server_->cpu_ns();
    if (cpu_ns >= 0) outcome_.server_cpu_ns = cpu_ns - server_cpu_began_ns_;
    if (const auto memory = server_->read_memory()) {
        outcome_.server_memory_after = memory->resident;
        outcome_.server_memory_most = memory->resident_most;
    }
}

// A request that was due or sent in the window belongs to it, above all when its reply is late.
void generator::wait_for_late_replies() {
    const std::int64_t end_ns = now_ns_ + plan_.patience.count();
    while ((in_flight_ > 0 || unsent_due() > 0) && now_ns_ < end_ns && !over()) {
        turn(end_ns);
    }
}

// Open loop: requests that were due when it was last looked and have found no room on their connection yet.
std::uint64_t generator::unsent_due() const noexcept {
    const std::uint64_t due = std::min(next_due_, requests_end_);
    std::uint64_t unsent = 0;
    for (std::size_t i = 0; i < plan_.connections; ++i) {
        const std::uint64_t own = due / plan_.connections + (i < due % plan_.connections ? 1 : 0);
        unsent += own - std::min(own, links_[i].begun);
    }
    return unsent;
}

// Who was asked and has not answered had its time, unless the run ended before that.
void generator::close_books() noexcept {
    outcome_.interrupted = stopped();
    outcome_.unsent += unsent_due();
    std::uint64_t& unanswered = over() ? outcome_.in_flight_at_end : outcome_.unanswered;
    for (const link& each : links_) {
        const std::uint64_t unsent = unsent_of(each);
        outcome_.unsent += unsent;
        unanswered += each.begun - each.done - unsent;
    }
}

void generator::turn(std::int64_t end_ns) {
    std::int64_t until_ns = std::min(end_ns, next_tell_ns_);
    if (!reopen_.empty()) until_ns = std::min(until_ns, reopen_.front().when_ns);
    if (!connects_.empty()) until_ns = std::min(until_ns, connects_.front().when_ns + plan_.patience.count());
    if (interval_ns_ > 0 && asking_) {
        until_ns = std::min(until_ns, due_ns(next_due_));
    }
    if (!unfinished_.empty()) until_ns = 0;
    const int count = wait(until_ns);
    now_ns_ = load::now_ns();
    for (int i = 0; i < count && !over(); ++i) {
        handle(events_[static_cast<std::size_t>(i)]);
    }
    go_on_unfinished();
    give_up_slow_connects();
    reopen_due();
    if (interval_ns_ > 0 && asking_) begin_due();
    if (now_ns_ >= next_tell_ns_) tell(now_ns_);
}

int generator::wait(std::int64_t until_ns) {
    const std::int64_t left_ns = std::max<std::int64_t>(0, until_ns - load::now_ns());
    const timespec timeout{.tv_sec = left_ns / ns_per_s, .tv_nsec = left_ns % ns_per_s};
    const int count =
        ::epoll_pwait2(epoll_, events_.data(), static_cast<int>(events_.size()), &timeout, nullptr);
    if (count >= 0) return count;
    if (errno == EINTR) return 0;
    throw error::from_result(-errno, "wait for sockets");
}

void generator::tell(std::int64_t now_ns) {
    next_tell_ns_ = now_ns + tell_every_ns;
    if (!listener_) return;
    progress report;
    if (in_window_) {
        report.now = progress::phase::measuring;
        report.elapsed_ns = now_ns - window_began_ns_;
        const histogram& latency = interval_ns_ > 0 ? outcome_.corrected : outcome_.latency;
        report.p50_ns = latency.at_percentile(50);
        report.p99_ns = latency.at_percentile(99);
    } else if (asking_) {
        report.now = progress::phase::warming_up;
    } else if (window_began_ns_ != 0) {
        report.now = progress::phase::waiting_for_replies;
    }
    report.connected = open_;
    report.failures = failures_;
    if (told_ns_ != 0 && outcome_.answered >= told_answers_) {
        const double seconds = static_cast<double>(now_ns - told_ns_) / static_cast<double>(ns_per_s);
        report.answers_a_second = static_cast<double>(outcome_.answered - told_answers_) / seconds;
    }
    told_ns_ = now_ns;
    told_answers_ = outcome_.answered;
    listener_(report);
}

}  // namespace aperto::load

// SPDX-License-Identifier: MIT
#pragma once

#include "load/outcome.hpp"
#include "load/plan.hpp"
#include "load/tape.hpp"
#include "load/target.hpp"
#include "load/usage.hpp"

#include <sys/epoll.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

namespace aperto::load {

/// Puts a TCP server under load from one thread and measures how it answers.
///
///     aperto::load::generator load({.port = 9999, .connections = 64});
///     aperto::load::outcome seen = load.run();
///
/// It stands on epoll(7) alone and shares no code with aperto's loops, so that a flaw of theirs can neither
/// flatter a measurement nor hide in it. Each socket is registered once, edge-triggered; each reply is
/// compared where it was received; each request is sent from the tape. One thread; used once.
class generator {
public:
    using progress_listener = std::function<void(const progress&)>;

    /// Checks the plan, resolves the target, raises the limit of open files as far as it goes. Throws
    /// `error`.
    explicit generator(const plan& what, progress_listener listener = {});
    ~generator();
    generator(const generator&) = delete;
    generator& operator=(const generator&) = delete;

    /// "127.0.0.1:9999"
    const std::string& target_name() const noexcept { return target_.name(); }

    /// Connects, loads, measures. Throws `error` when no connection comes about; where they break off later,
    /// the outcome says so.
    /// `stop`, where given, ends the run early when it becomes true (set it from a signal handler).
    outcome run(const std::atomic<bool>* stop = nullptr);

private:
    enum class link_state : std::uint8_t { closed, connecting, open };
    struct link {
        int descriptor = -1;
        link_state state = link_state::closed;
        bool idle = false;
        bool reopening = false;     // has an appointment in `reopen_`
        bool unfinished = false;    // its share of a turn was spent: goes on in the next
        std::uint64_t begun = 0;    // requests since the run began
        std::uint64_t done = 0;     // replies, and requests lost with a connection
        std::uint64_t queued = 0;   // bytes of the requests begun on this connection
        std::uint64_t sent = 0;     // of them, bytes the kernel took
        std::uint64_t settled = 0;  // bytes of replies that were counted as whole
        std::size_t send_place = 0;
        std::int64_t connect_began_ns = 0;
        reply_reader replies;
    };
    struct stamp {
        std::int64_t sent_ns = 0;
        std::int64_t intended_ns = 0;
    };

    // generator.cpp: the run and its turns
    void open_idle();
    void open_range(std::size_t begin, std::size_t end);
    void load_and_measure();
    void load_until(std::int64_t end_ns);
    void wait_for_late_replies();
    void begin_window();
    void measure_window();
    void turn(std::int64_t end_ns);
    int wait(std::int64_t until_ns);
    void tell(std::int64_t now_ns);
    std::uint64_t unsent_due() const noexcept;
    void close_books() noexcept;
    bool stopped() const noexcept { return stop_ && stop_->load(std::memory_order_relaxed); }
    /// Whether nothing more is to be done, whatever the plan says.
    bool over() const noexcept { return stopped() || outcome_.wrong || outcome_.ended; }
    bool enough() const noexcept;
    bool silent_too_long() noexcept;

    // generator_links.cpp: one connection
    void handle(const epoll_event& event);
    void open(std::size_t index);
    void opened(link& which);
    void reopen_later(std::size_t index, std::int64_t delay_ns);
    void reopen_due();
    void no_port_left(std::size_t index, int error);
    void give_up_slow_connects();
    void go_on_later(std::size_t index);
    void go_on_unfinished();
    std::uint64_t unsent_of(const link& which) const noexcept;
    void begin_requests(std::size_t index);
    void begin_due();
    bool may_begin(const link& which, std::size_t index) const noexcept;
    void flush(std::size_t index);
    void receive(std::size_t index, bool ending);
    bool take(std::size_t index, std::string_view bytes);
    std::uint64_t count_replies(std::size_t index, std::string_view bytes) noexcept;
    void complete(std::size_t index);
    void lost(std::size_t index, int error);
    void close(link& which) noexcept;
    /// How many requests of the run are due at `now_ns` (open loop).
    std::uint64_t due_count(std::int64_t now_ns) const noexcept;
    /// When request `number` of the run has to be sent (open loop).
    std::int64_t due_ns(std::uint64_t number) const noexcept {
        return rate_began_ns_ + static_cast<std::int64_t>(interval_ns_ * static_cast<double>(number));
    }
    std::int64_t intended_ns(std::size_t index, std::uint64_t number) const noexcept;
    stamp& stamp_of(std::size_t index, std::uint64_t number) noexcept {
        return stamps_[index * plan_.pipeline + static_cast<std::size_t>(number % plan_.pipeline)];
    }

    plan plan_;
    progress_listener listener_;
    const std::atomic<bool>* stop_ = nullptr;
    target target_;
    tape tape_;
    std::optional<process_usage> server_;
    int epoll_ = -1;
    std::vector<epoll_event> events_;
    std::vector<char> buffer_;

    std::vector<link> links_;  // those that ask, then the idle ones
    std::vector<stamp> stamps_;
    struct appointment {
        std::int64_t when_ns;
        std::size_t index;
    };
    std::deque<appointment> reopen_;
    std::deque<appointment> connects_;     // when each was begun; some are over
    std::vector<std::size_t> unfinished_;  // connections that go on at the next turn

    bool asking_ = false;  // new requests come due, or come with replies
    bool in_window_ = false;
    bool heard_ = false;  // bytes have come, or begun to be due, since the last time somebody looked
    std::int64_t now_ns_ = 0;
    std::int64_t rate_began_ns_ = 0;
    std::int64_t heard_ns_ = 0;
    std::int64_t no_port_since_ns_ = 0;  // 0: the last connect found one
    double interval_ns_ = 0;             // open loop: between two requests of the run
    std::uint64_t next_due_ = 0;         // open loop: requests whose time has come
    std::uint64_t requests_end_ = 0;     // requests of the run that may begin, those that have included
    std::uint64_t begun_ = 0;            // requests of the run
    std::uint64_t in_flight_ = 0;
    std::size_t connecting_ = 0;
    std::size_t open_ = 0;
    std::uint64_t failures_in_a_row_ = 0;
    std::uint64_t failures_ = 0;

    std::int64_t window_began_ns_ = 0;
    own_usage own_began_;
    std::int64_t server_cpu_began_ns_ = -1;
    std::int64_t next_tell_ns_ = 0;
    std::int64_t told_ns_ = 0;
    std::uint64_t told_answers_ = 0;
    outcome outcome_;
};

}  // namespace aperto::load

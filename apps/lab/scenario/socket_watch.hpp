// SPDX-License-Identifier: MIT
#pragma once

#include "lab/hosts/alarm.hpp"
#include "lab/hosts/box.hpp"
#include "lab/scenario/report.hpp"
#include "lab/scenario/scenario.hpp"

#include <atomic>
#include <mutex>
#include <optional>

namespace aperto::lab {

/// Looks at the hosts' sockets while a run goes on: at every multiple of `samples_every`, and where it is to stop.
/// What it does there reads no clock, so a run in virtual time is the same with it.
class socket_watch {
public:
    socket_watch(const box& hosts, const run_plan& plan);

    /// The wire's plan, with what this has to know of it.
    wire_plan told_to(wire_plan plan);
    /// The wire that was made of it, before any program starts.
    void stops(wire& one) noexcept { wire_ = &one; }

    bool stopped() const noexcept { return stopped_; }
    /// Readable once the run has stopped.
    int descriptor_of_stop() const noexcept { return told_.get(); }

    /// Looks no more, and no more stops the wire.
    void end();
    /// What was seen, after `end`.
    void finish(run_report& report);

    std::vector<kernel_connection> ask(side host, bool v6);

private:
    void sample(duration moment);
    void stop(instant at, std::uint64_t packet);
    std::vector<socket_view> look(side host);

    const box& hosts_;
    const run_plan& plan_;
    std::mutex guard_;  ///< of the hosts' sockets that ask, of the samples and of the place
    std::atomic<wire*> wire_{nullptr};
    std::atomic<std::int64_t> epoch_{0};  ///< CLOCK_MONOTONIC at the first packet
    std::atomic<bool> stopped_{false};
    descriptor told_;
    std::vector<socket_sample> samples_;
    std::optional<stopping_place> place_;
    // Last, so that their threads end first.
    std::optional<alarm> stop_alarm_;
    std::optional<alarm> sample_alarm_;
};

}  // namespace aperto::lab

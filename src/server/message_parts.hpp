// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/message_record.hpp"
#include "aperto/time.hpp"
#include "io/socket_times.hpp"

#include <cstdint>
#include <optional>

namespace aperto {

/// What was seen of a message, in the order in which it happens; times of the loop's clock. `time_point{}`: did not happen.
struct message_times {
    // Before the handler:
    time_point accepted{};   ///< of a connection's first message alone
    time_point handshake{};  ///< the last bytes of the transport's handshake came; of a first message alone
    time_point first{};      ///< the message's first byte came
    time_point last{};       ///< its last byte came, as it is stamped
    /// The last segment came, where some were out of order; `last` is then no later than `first`. What joins segments may
    /// take the stamp of one that came before, and so tell less than the truth.
    time_point in_order{};
    time_point begun{};  ///< the handler was called
    duration asleep{};   ///< of the time between, the loop waited for the kernel
    time_point handled{};
    duration recording{};  ///< in the journal's hands, of the handler's time
    // After it:
    time_point
        offered{};  ///< the end of the turn in which its answer was its connection's next; the kernel may have been full
    time_point queued{};  ///< the answer's last segment, by the kernel, for the device
    time_point left{};
    time_point acknowledged{};
    bool came_with_more = false;  ///< the acknowledgement, with what the client sent next, or its end
    std::optional<io::socket_counts> before;  ///< as the answer was handed over
    std::optional<io::send_counts> after;     ///< as it was acknowledged
    bool no_delay = false;                    ///< TCP_NODELAY
    std::size_t answer_size = 0;              ///< bytes
};

/// Says of each moment which part it belongs to: fills `parts` and `acknowledgement_delay` of `to`.
void share_out(const message_times& of, message_record& to) noexcept;

}  // namespace aperto

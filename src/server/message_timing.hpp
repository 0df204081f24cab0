// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/backend.hpp"
#include "aperto/descriptor.hpp"
#include "aperto/message_record.hpp"
#include "io/socket_times.hpp"
#include "server/message_parts.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace aperto {

class connection;
class message_sampler;
class server_events;

/// What becomes of the messages of one connection that were picked: one at a time from before its first byte until the
/// kernel has its answer, and any number whose acknowledgement is still to come.
///
/// It watches the socket for that time: receives with stamps, has the kernel stamp the answer's sends, and takes what the
/// error queue tells of them. A socket of which something may still come there must not be left alone: whoever waits for
/// it would be woken again and again. So it goes when all has come, or with the connection.
class message_timing final : private socket_watch, private turn_hook {
public:
    message_timing(message_sampler& by, connection& of, std::uint64_t id) noexcept;
    ~message_timing() override;
    message_timing(const message_timing&) = delete;
    message_timing& operator=(const message_timing&) = delete;

    /// From now on; false where this connection cannot be watched.
    bool start() noexcept;
    bool is_free() const noexcept { return now_ == stage::none; }
    /// The message that is waited for next is timed; nothing of it has come. Not where another one is in hand.
    void pick() noexcept;
    /// A message is whole, and the handler gets it: whether it is the one that was picked.
    bool begin(std::string_view message, std::uint64_t offset) noexcept;
    /// The handler has ended.
    void handled() noexcept { times_.handled = clock::now(); }
    /// Where `journal::record` puts what it took.
    duration& recording() noexcept { return times_.recording; }
    /// Its answer, of so many bytes, is what the connection sends next; `to_come`: those of them that it has not got yet.
    void answered(std::size_t bytes, std::size_t to_come) noexcept;
    /// There is no answer.
    void finish_without_answer() noexcept;
    /// The connection's answers are on their way to the end of the turn, where this looks what became of them.
    void look_at_turn_end() noexcept;

private:
    enum class stage : std::uint8_t {
        none,
        awaited,
        in_hand,  ///< the handler's
        offered,  ///< the kernel has not all of the answer
    };
    /// A message whose answer the kernel has.
    struct in_flight {
        message_record record;
        message_times times;
        std::uint32_t key;  ///< of the answer's last byte
    };

    std::int64_t receive(int socket, char* into, std::size_t size) noexcept override;
    void sent(std::size_t bytes) noexcept override;
    void look(int socket) noexcept override;

    void note_arrival(const io::arrival& when) noexcept;
    void note_company(const io::arrival& when) noexcept;
    void tell_acknowledged() noexcept;
    void note_order() noexcept;
    void take_reports(int socket) noexcept;
    time_point on_clock(io::stamp when) const noexcept;
    void on_turn_end() noexcept;
    bool is_taken() const noexcept;
    void settle() noexcept;
    void take_in(const io::send_report& what) noexcept;
    void tell(message_record& record, const message_times& times) noexcept;
    void rest() noexcept;
    int descriptor_of() const noexcept;

    message_sampler& by_;
    connection& of_;
    const std::uint64_t id_;
    stage now_ = stage::none;
    message_record record_;
    message_times times_;
    io::arrival message_;    ///< of the bytes of the message
    io::arrival handshake_;  ///< of those of the handshake before it
    std::uint32_t out_of_order_ = 0;
    bool knows_order_ = false;
    bool no_delay_ = false;
    bool wanted_ = false;            ///< the next one is to be picked too
    io::arrival latest_;             ///< of what was received last
    io::stamp clocks_apart_ = 0;     ///< the stamps' clock less the loop's
    std::uint64_t answer_ends_ = 0;  ///< where, of what the connection sends
    std::uint32_t written_ = 0;      ///< bytes that the kernel has taken since the watch began
    std::deque<in_flight> in_flight_;
    std::vector<io::send_report> early_;  ///< came before it was known which byte is the last
};

/// A worker's: picks messages and has them timed. Its loop's thread.
class message_sampler {
public:
    /// `share`: of the waits for a message, above 0 and at most 1. `worker`: its number.
    message_sampler(backend& on, server_events& told, double share, unsigned worker) noexcept;

    /// The connection is about to wait for a message, of which nothing is there.
    void before_wait(connection& of, std::uint64_t id) noexcept {
        if (left_ > 1)
            --left_;
        else
            pick(of, id);
    }
    /// Of a connection that `is_timed`.
    message_timing& of(const connection& which) noexcept { return *timings_.find(&which)->second; }
    /// A message of it is whole, and the handler gets it: its timing where it is the one that was picked; null else.
    message_timing* begin(connection& of, std::string_view message, std::uint64_t offset) noexcept;
    /// It ends, or nothing is to be timed there any more.
    void drop(connection& which) noexcept;
    /// The message that was picked came unseen: the next one is picked for it.
    void missed() noexcept { left_ = 1; }

    backend& on() const noexcept { return on_; }
    server_events& told() const noexcept { return told_; }
    unsigned worker() const noexcept { return worker_; }

private:
    void pick(connection& of, std::uint64_t id) noexcept;
    std::uint64_t next_gap() noexcept;

    backend& on_;
    server_events& told_;
    const double share_;
    const unsigned worker_;
    const descriptor keeper_;
    std::uint64_t left_;
    std::unordered_map<const connection*, std::unique_ptr<message_timing>> timings_;
};

}  // namespace aperto

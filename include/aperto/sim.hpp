// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// A network of machines in virtual time, to test a service of yours in: an hour of timeouts takes
/// milliseconds, a seed decides everything that is left to chance, and the same seed gives the same run to
/// the byte.
///
///     aperto::sim::check({.seeds = 1000}, [](aperto::sim::world& world) {
///         aperto::sim::host& office = world.add_host("office");
///         aperto::sim::host& laptop = world.add_host("laptop");
///         aperto::server shout({.host = "office"},
///                              [](std::string_view text) { return aperto::to_upper(text); });
///         office.spawn(shout.run_on(office.loop()));
///         laptop.spawn(ask_and_stop(shout, world));      // a task of yours: connects to "office:9999", …
///         world.run();
///     });
///
/// Each host has a loop of its own: the engine that runs in production, io_uring's or epoll's, on a simulated
/// kernel; streams, servers and clients run on it unchanged. What is modelled is what a TCP application can
/// observe; packets exist as far as they can be late, lost, cut off or refused. One world is used on one
/// thread; several may run on several threads.
namespace aperto::sim {

class world;
class network;

/// How two hosts are joined, in each direction.
struct link_options {
    duration delay = std::chrono::microseconds(250);  ///< one way
    duration jitter{};                   ///< up to so much more for each packet; TCP keeps the order
    std::uint64_t bytes_per_second = 0;  ///< 0: no limit
};

/// A machine.
struct host_options {
    /// Numeric. None: one IPv4 address is made up.
    std::vector<std::string> addresses{};
    /// Sockets at once; past it accept and connect give EMFILE.
    std::size_t descriptors_max = 100'000;
    std::uint32_t send_buffer =
        64 * 1024;  ///< bytes a connection takes from its program before they are acknowledged
    std::uint32_t receive_buffer = 64 * 1024;  ///< bytes that may wait unread: the window (RFC 9293, 3.8.6)
    /// The buffers its loop lends, see `loop_options`.
    std::uint32_t lent_buffers = 64;
    std::uint32_t lent_buffer_size = 4096;       ///< bytes of each
    std::uint32_t bulk_buffer_size = 16 * 1024;  ///< bytes of the one for connections that bring much
    /// Whose code its loop runs, on a simulated kernel: `uring` or `epoll`.
    aperto::engine engine = aperto::engine::uring;
    /// How far its clock is ahead of the world's.
    duration clock_offset{};
};

/// What goes wrong by chance: probabilities, 0 to 1, each tried at every occasion. All 0: a perfect world.
struct faults {
    // What TCP and the kernel may always do: a right program gives the same answers.
    double partial_receive = 0;  ///< a receive gets only a part of what has come
    double short_send = 0;       ///< a send is taken only in part
    double small_packet = 0;     ///< a packet carries less than it could, down to one byte
    double not_at_once = 0;  ///< an operation whose result is there completes in a later turn all the same
    double late_completion = 0;  ///< a completion comes up to 5 ms after its cause
    double lost_cancel =
        0;  ///< a cancel takes up to 5 ms, and what comes in that time wins; or finds nothing
    double lost_packet = 0;  ///< a packet is lost once or twice, and sent again: up to a second later
    double accept_fails =
        0;  ///< accept gives EMFILE, ENFILE, ENOBUFS or ENOMEM; the client stays in the queue
    double resolver_stall = 0;  ///< a name takes up to a second
    double interrupted = 0;     ///< a call gives EINTR
    // What io_uring may always do.
    double small_ring = 0;      ///< a host's ring has few places: it is full, and overflows, all the time
    double old_kernel = 0;      ///< a host's ring does not know what came after Linux 6.1
    double short_submit = 0;    ///< the kernel takes a part of what is submitted, or nothing (EAGAIN, EBUSY)
    double multishot_ends = 0;  ///< a multishot ends with what it tells
    double merged_wake = 0;     ///< a receive woken for bytes and a reset tells of the bytes alone
    double double_completion = 0;  ///< the last completion comes twice
    // What ends a conversation: an error is then the right answer.
    double resolver_hang = 0;  ///< a name takes up to a minute
    double refused = 0;        ///< a connect is refused
    double connect_fails = 0;  ///< a connect fails at once: EMFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL
    double send_fails = 0;     ///< a send gives ENOBUFS
    double reset = 0;          ///< the connection is reset as a packet arrives
    double silent_death = 0;   ///< from a packet on, nothing of this connection arrives any more
    double partition = 0;      ///< as a packet leaves, the two hosts are cut off for up to 10 s

    /// Swarm testing (Groce et al., 2012): each fault is there or not, and how often, by the seed. Without
    /// `breaking`, only faults that a right program survives unharmed.
    static faults swarm(std::uint64_t seed, bool breaking);
};

/// What an event was.
enum class happening : std::uint8_t {
    // packets
    syn,      ///< a SYN
    syn_ack,  ///< a SYN/ACK
    ack,      ///< an acknowledgement without data
    data,     ///< bytes of the stream
    fin,      ///< the end of the stream
    rst,      ///< a reset
    // calls of programs and their results
    listen,    ///< a host listens
    accept,    ///< a client was accepted
    connect,   ///< a connection was asked for, or its result is there
    receive,   ///< a receive
    send,      ///< a send
    shutdown,  ///< the sending direction was ended
    close,     ///< a socket was closed
    resolve,   ///< a name was looked up
    cancel,    ///< an operation was cancelled
    // what befell
    lost,       ///< a packet was lost
    refused,    ///< a connect was refused
    cut_off,    ///< two hosts are cut off from each other
    joined,     ///< they are joined again
    died,       ///< a machine, or a connection: nothing of it arrives any more
    crashed,    ///< a program died (`host::crash`)
    timed_out,  ///< a kernel gave a connection up
    note,       ///< a line of the test's own, `world::note`
};
/// "SYN", "timed out": as the log has it.
std::string_view to_string(happening what) noexcept;

/// One thing that happened; what a rule judges and the log keeps.
struct event {
    duration at{};                     ///< since the world began
    happening what = happening::note;  ///< what it was
    std::uint16_t host = 0;            ///< index of the host where it happened; of a packet, the sender
    std::uint16_t peer = 0;            ///< of a packet, the receiver; else the same
    std::uint32_t connection = 0;      ///< 1 for the world's first connection; 0: none
    std::uint64_t offset = 0;          ///< of data, of a receive and a send: bytes of the stream before it
    std::uint32_t size = 0;            ///< bytes
    int result = 0;                    ///< 0 or a negative errno
    bool is_packet() const noexcept { return what <= happening::rst; }  ///< else a call, or what befell
};

/// What a rule makes of a packet as it arrives, or of a call (accept, connect, send, receive, resolve) as it
/// begins.
struct verdict {
    /// What is to happen; made by the functions below.
    enum class kind : std::uint8_t { pass, drop, late, reset, fail };
    kind what = kind::pass;  ///< what is to happen
    duration by{};           ///< late: by so much
    int code = 0;            ///< fail: a positive errno

    /// Nothing happens to it; the next rule is asked.
    static verdict pass() noexcept { return {}; }
    /// A packet is lost; TCP sends it again, later and later (RFC 6298).
    static verdict drop() noexcept { return {.what = kind::drop}; }
    /// A packet, a name, comes later.
    static verdict late(duration by) noexcept { return {.what = kind::late, .by = by}; }
    /// The connection of this packet is reset, at both ends.
    static verdict reset() noexcept { return {.what = kind::reset}; }
    /// The call gives this errno.
    static verdict fail(int code) noexcept { return {.what = kind::fail, .code = code}; }
};

/// Rules are asked in the order they were added; the first that does not let pass decides.
using rule = std::function<verdict(const event&)>;

/// What a run found wrong: a test's expectation, a task's exception, tasks that wait for nothing, a spin.
class failure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A machine of a world, with one program on it: its loop and the tasks on it. Lives as long as its world.
class host {
public:
    /// Made by `world::add_host`.
    host(network& net, std::uint16_t index);
    ~host() = default;
    host(const host&) = delete;
    host& operator=(const host&) = delete;

    /// As it was added.
    const std::string& name() const noexcept;
    /// 0 for the world's first host; as `event::host` has it.
    std::uint16_t index() const noexcept { return index_; }
    /// Its loop, which the world runs.
    aperto::loop& loop() noexcept;
    /// Its first address.
    endpoint address(std::uint16_t port = 0) const;
    /// Starts a task there. What it throws is the failure of the world's run.
    void spawn(task<> work);

    /// The program dies (kill -9): its tasks end where they stand and the kernel closes its sockets.
    void crash();
    /// The machine dies: nothing of it is heard again.
    void power_off();
    /// Whether it has neither crashed nor lost its power.
    bool is_up() const noexcept;

private:
    network& net_;
    std::uint16_t index_;
};

/// What a world is made with.
struct world_options {
    std::uint64_t seed = 1;  ///< decides all that is left to chance
    sim::faults faults{};    ///< none
    link_options link{};     ///< of every pair of hosts, until `world::link` changes one
    /// Virtual time after which `run` fails.
    duration time_max = std::chrono::hours(24);
    /// Turns of loops without time moving on after which `run` fails: somebody spins.
    std::uint64_t idle_turns_max = 20'000;
};

/// The hosts, the network between them, and the clock.
class world {
public:
    /// A world without hosts, at time 0.
    explicit world(const world_options& options = {});
    ~world();
    world(const world&) = delete;
    world& operator=(const world&) = delete;

    /// The name resolves to the host's addresses, everywhere. "localhost" is each host itself.
    host& add_host(std::string name, const host_options& options = {});
    /// Makes `name` resolve to these addresses, in this order; also to such as no host has: nothing answers
    /// there.
    void add_name(std::string name, const std::vector<std::string>& addresses);

    /// Makes `name` ("_capitals._tcp.example") a service with these hosts (RFC 2782).
    void add_service(std::string name, std::vector<service_record> records);

    /// The way from the one to the other, to be changed at any time; the way back is another.
    link_options& link(const host& from, const host& to);
    /// Cuts the two hosts off from each other, or joins them again.
    void cut(const host& one, const host& other);
    /// Joins them again; what was lost meanwhile is sent again by TCP.
    void join(const host& one, const host& other);
    /// Asked after those that were added before.
    void add_rule(rule judge);
    /// What goes wrong by chance, to be changed at any time.
    sim::faults& faults() noexcept;

    /// Runs until every task on every host that is up has ended. Throws `failure`; what a task threw, it
    /// names.
    void run();
    /// Runs for so much virtual time, or until every task has ended.
    void run_for(duration time);

    /// As it was made with.
    std::uint64_t seed() const noexcept;
    /// Virtual time since the world began.
    duration elapsed() const noexcept;
    /// By the seed; for choices of the test's own.
    std::uint64_t random() noexcept;

    /// Throws `failure` with `what` unless `held`.
    void expect(bool held, std::string_view what);
    /// Throws `failure` unless every host that is up has no task, socket, timer and lent buffer left, and
    /// every connection is gone.
    void expect_nothing_left();

    /// Writes a line into the log.
    void note(std::string text);
    /// All that has happened, in order.
    const std::vector<event>& events() const noexcept;
    /// Every event, a line each. The same seed gives the same text.
    std::string log() const;
    /// The last events as a ladder: a column a host, an arrow a packet.
    std::string ladder(std::size_t last = 30) const;

private:
    std::unique_ptr<network> net_;
};

// ---- many seeds

/// How many seeds are run, and what they may do.
struct check_options {
    std::uint64_t first_seed = 1;  ///< the others follow it
    std::uint64_t seeds = 1000;    ///< how many
    /// What the seeds may do to a scenario.
    enum class mischief : std::uint8_t {
        none,                       ///< nothing
        harmless,                   ///< what a right program survives unharmed
        breaking                    ///< anything
    } chance = mischief::harmless;  ///< what these seeds do
    world_options world{};          ///< its seed and faults are set for each run
    /// Whether the test framework has noted a failure: `[] { return testing::Test::HasFailure(); }`.
    std::function<bool()> has_failed{};
    /// On failure: how to run the one seed again. Empty: this program's command line with APERTO_SIM_SEED
    /// before it.
    std::function<std::string(std::uint64_t seed)> replay_command{};
    bool print = true;  ///< the report of a failure, to standard error
    /// How long one run may take of the machine's own time; then the program is aborted, as for a run that
    /// crashes, with the seed and the command on standard error. `forever`: as long as it likes.
    duration real_time_max = std::chrono::minutes(5);
};

/// What `check` saw. True when every seed passed.
struct check_result {
    std::uint64_t seeds = 0;                    ///< run
    std::optional<std::uint64_t> failing_seed;  ///< the first that failed
    std::string
        report;  ///< the seed, what went wrong, the last events as a ladder, the command that replays it
    /// Of the faults of the failing seed those without which it does not fail: "lost_packet,reset".
    std::string needed_faults;
    duration simulated{};      ///< virtual time, of all runs
    std::uint64_t events = 0;  ///< of all runs
    /// Whether every seed passed.
    explicit operator bool() const noexcept { return !failing_seed; }
};

/// Runs `scenario` once a seed, up to the first that fails: that throws, or leaves something behind (see
/// `world::expect_nothing_left`). That seed is then run again with fewer and fewer faults, and told with the
/// fewest that still make it fail; not where `has_failed` says so, whose memory is long. With APERTO_SIM_SEED in the environment it runs that seed alone and prints
/// its log, with APERTO_SIM_FAULTS with those of its faults alone ("none"); APERTO_SIM_SEEDS overrides how many.
check_result check(const check_options& options, const std::function<void(world&)>& scenario);

}  // namespace aperto::sim

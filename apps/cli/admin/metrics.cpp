// SPDX-License-Identifier: MIT
#include "cli/admin/metrics.hpp"

#include "aperto/limits.hpp"
#include "aperto/version.hpp"
#include "cli/serve/report.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <sstream>

namespace aperto::cli {

namespace {

class metrics_text {
public:
    explicit metrics_text(metrics_format format) : format_(format) {}

    /// A counter's name ends in "_total".
    void counter(std::string_view name, std::string_view help) {
        const bool short_name = format_ == metrics_format::openmetrics;
        constexpr std::string_view suffix = "_total";
        begin(short_name ? name.substr(0, name.size() - suffix.size()) : name, "counter", help);
    }
    void gauge(std::string_view name, std::string_view help) { begin(name, "gauge", help); }
    template <class Number>
    void sample(std::string_view name, Number value) {
        text_ += fmt::format("{} {}\n", name, value);
    }
    template <class Number>
    void sample(std::string_view name, std::string_view label, std::string_view of, Number value) {
        text_ += fmt::format("{}{{{}=\"{}\"}} {}\n", name, label, of, value);
    }
    void one_counter(std::string_view name, std::string_view help, std::uint64_t value) {
        counter(name, help);
        sample(name, value);
    }
    template <class Number>
    void one_gauge(std::string_view name, std::string_view help, Number value) {
        gauge(name, help);
        sample(name, value);
    }
    void histogram(std::string_view name, std::string_view help, const bucket_counts& of) {
        begin(name, "histogram", help);
        buckets(name, {}, of, nullptr);
    }
    /// One of several of a name, by a label, as `part="handler"`: behind `begin_histogram`.
    void begin_histogram(std::string_view name, std::string_view help) { begin(name, "histogram", help); }
    void buckets(std::string_view name, const std::string& label, const bucket_counts& of,
                 const message_times::exemplars* latest) {
        const std::string before = label.empty() ? "" : label + ",";
        for (std::size_t i = 0; i <= bucket_counts::bounds.size(); ++i) {
            const bool last = i == bucket_counts::bounds.size();
            const std::string bound =
                last ? "+Inf"
                     : fmt::format("{:.{}f}", bucket_counts::bounds[i], bucket_counts::bounds[i] < 1 ? 5 : 1);
            text_ += fmt::format("{}_bucket{{{}le=\"{}\"}} {}", name, before, bound, of.up_to(i));
            if (latest) add_exemplar((*latest)[i]);
            text_ += '\n';
        }
        const std::string labels = label.empty() ? "" : "{" + label + "}";
        sample(std::string(name) + "_sum" + labels, of.sum());
        sample(std::string(name) + "_count" + labels, of.up_to(bucket_counts::bounds.size()));
    }
    std::string finish() {
        if (format_ == metrics_format::openmetrics) text_ += "# EOF\n";
        return std::move(text_);
    }

private:
    /// OpenMetrics alone has them: one of those that were counted, by what it can be found by elsewhere.
    void add_exemplar(const message_times::exemplar& one) {
        if (format_ != metrics_format::openmetrics || one.connection == 0) return;
        text_ += fmt::format(" # {{connection=\"{}\",message=\"{}\"}} {} {:.3f}", one.connection, one.message,
                             one.seconds, one.when);
    }
    void begin(std::string_view name, std::string_view type, std::string_view help) {
        text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    }
    const metrics_format format_;
    std::string text_;
};

void add_server(metrics_text& to, const metrics_sources& from) {
    to.gauge("aperto_build_info", "The version that runs; always 1.");
    to.sample("aperto_build_info", "version", version, 1);
    to.one_gauge("aperto_ready", "Whether new clients are welcome: 0 from the beginning of the drain on.",
                 from.ready ? 1 : 0);
    to.counter("aperto_reloads_total",
               "How often configuration or certificates were read again, by what came of it.");
    to.sample("aperto_reloads_total", "result", "taken", from.told.reloads_taken());
    to.sample("aperto_reloads_total", "result", "refused", from.told.reloads_refused());
    to.one_counter("aperto_log_lines_lost_total", "Lines of the log that could not be written.",
                   from.told.lines_lost());
    to.one_gauge("aperto_workers", "Threads that serve, each with a loop.", from.watched.workers());
    to.one_gauge("aperto_connections", "Connections open now.", from.watched.connections());
    const server_counters counted = from.watched.counters();
    to.one_counter("aperto_connections_accepted_total", "Connections served, refused ones not included.",
                   counted.accepted);
    to.counter("aperto_connections_closed_total", "Connections that have ended, by who or what ended them.");
    for (std::size_t i = 0; i < observer::reason_count; ++i)
        to.sample("aperto_connections_closed_total", "reason", to_string(static_cast<close_reason>(i)),
                  from.seen.ends[i].load());
    to.counter("aperto_connections_refused_total",
               "Connections that were not served, by the limit that refused them.");
    for (const limit each :
         {limit::deny, limit::max_connections_per_address, limit::accept_rate, limit::proxy_from})
        to.sample("aperto_connections_refused_total", "limit", to_string(each), counted.of(each));
    to.counter("aperto_limit_strikes_total", "How often a limit struck, by its option.");
    for (std::size_t i = 0; i < limit_count; ++i)
        to.sample("aperto_limit_strikes_total", "limit", to_string(static_cast<limit>(i)),
                  counted.strikes[i]);
}

/// What the workers answered for themselves, each on its own loop.
void add_loads(metrics_text& to, const metrics_sources& from) {
    worker_load all;
    std::size_t answering = 0;
    for (const worker_load& each : from.loads) {
        if (each.passed_over) continue;
        ++answering;
        for (std::size_t i = 0; i < connection_state_count; ++i)
            all.states[i] += each.states[i];
        all.lent_buffers += each.lent_buffers;
        all.timers += each.timers;
        all.memory_used += each.memory_used;
        all.memory_budget += each.memory_budget;
        all.put_behind += each.put_behind;
    }
    to.one_gauge("aperto_workers_answering",
                 "Workers whose loop answered within a second; the figures of the others are missing below.",
                 answering);
    to.gauge("aperto_connections_by_state", "Connections open now, by what they are about.");
    for (std::size_t i = 0; i < connection_state_count; ++i)
        to.sample("aperto_connections_by_state", "state", to_string(static_cast<connection_state>(i)),
                  all.states[i]);
    to.one_gauge("aperto_lent_buffers", "Buffers of the loops that hold what has arrived.", all.lent_buffers);
    to.one_gauge("aperto_timers", "Deadlines that are set.", all.timers);
    to.one_gauge("aperto_memory_used_bytes",
                 "Memory in buffers of connections, as --memory-budget counts it.", all.memory_used);
    to.one_gauge("aperto_memory_budget_bytes", "What that may be, before those are ended that hold most.",
                 all.memory_budget);
    to.one_counter("aperto_turn_budget_struck_total",
                   "How often a connection had used up its share of a turn, and others went first.",
                   all.put_behind);
    to.histogram("aperto_loop_lag_seconds",
                 "How late the workers' loops came to what was due, asked ten times a second.",
                 from.seen.lags);
}

void add_tls(metrics_text& to, const tls::context& sealed) {
    const tls::counters counted = sealed.counters();
    to.counter("aperto_tls_handshakes_total", "TLS handshakes that succeeded, by version.");
    to.sample("aperto_tls_handshakes_total", "version", "1.2", counted.versions[0]);
    to.sample("aperto_tls_handshakes_total", "version", "1.3", counted.versions[1]);
    to.one_counter("aperto_tls_resumed_total", "Of those, the ones that went on with a session before.",
                   counted.resumed);
    to.counter("aperto_tls_failures_total", "TLS handshakes and connections that TLS ended, by reason.");
    for (std::size_t i = 1; i <= tls::errc_count; ++i) {
        const auto why = static_cast<tls::errc>(i);
        to.sample("aperto_tls_failures_total", "reason", to_string(why), counted.of(why));
    }
    to.counter("aperto_tls_reloads_total",
               "Times that the certificate was read again, by whether it was taken.");
    to.sample("aperto_tls_reloads_total", "result", "taken", counted.reloads);
    to.sample("aperto_tls_reloads_total", "result", "refused", counted.failed_reloads);
    const auto expires = sealed.expires().time_since_epoch();
    to.one_gauge("aperto_tls_certificate_expiry_timestamp_seconds",
                 "When the first of the certificates expires, seconds since 1970.",
                 std::chrono::duration_cast<std::chrono::seconds>(expires).count());
}

void add_traffic(metrics_text& to, const observer& seen) {
    to.one_counter("aperto_messages_total", "Messages received.", seen.messages);
    to.one_counter("aperto_message_bytes_total", "Bytes in them, without their framing.", seen.message_bytes);
    to.one_counter("aperto_replies_total", "Replies given.", seen.replies);
    to.one_counter("aperto_reply_bytes_total", "Bytes in them, without their framing.", seen.reply_bytes);
    to.histogram("aperto_message_latency_seconds",
                 "From the turn that found a message whole to the one that offered its reply to the kernel.",
                 seen.answers);
    to.one_counter("aperto_received_bytes_total", "Bytes received on connections that have ended.",
                   seen.bytes_received);
    to.one_counter("aperto_sent_bytes_total", "Bytes sent on connections that have ended.", seen.bytes_sent);
    to.one_counter("aperto_retransmissions_total", "Segments sent again on connections that have ended.",
                   seen.retransmissions);
    to.histogram("aperto_connection_duration_seconds", "How long connections lasted.", seen.lifetimes);
    to.histogram("aperto_rtt_seconds", "The kernel's smoothed round-trip time as each connection ended.",
                 seen.round_trips);
}

void add_message_times(metrics_text& to, const message_times& times) {
    to.begin_histogram(
        "aperto_message_time_seconds",
        "Of messages that were picked (--trace-messages): how long each part took, where it took any time.");
    for (std::size_t i = 0; i < message_part_count; ++i) {
        const auto part = static_cast<message_part>(i);
        const message_times::exemplars latest = times.latest_of(part);
        to.buckets("aperto_message_time_seconds", fmt::format("part=\"{}\"", to_string(part)), times.of(part),
                   &latest);
    }
}

void add_journal(metrics_text& to, const journal& book) {
    const journal_counters counted = book.counters();
    to.one_counter("aperto_journal_recorded_total", "Messages on record.", counted.recorded);
    to.one_counter("aperto_journal_refused_total",
                   "Messages that could not be recorded, and were not acknowledged.", counted.refused);
    to.one_counter("aperto_journal_commits_total", "Transactions, each with the messages of many clients.",
                   counted.commits);
    to.one_counter("aperto_journal_rotations_total", "Files put aside.", counted.rotations);
}

void add_kernel(metrics_text& to, const process_files& process) {
    const std::string table = process.netstat();
    if (const auto overflows = netstat_figure(table, "TcpExt", "ListenOverflows"))
        to.one_counter(
            "aperto_listen_overflows_total",
            "Connections that found a listener's queue full, of every listener in this network namespace.",
            *overflows);
    if (const auto drops = netstat_figure(table, "TcpExt", "ListenDrops"))
        to.one_counter("aperto_listen_drops_total",
                       "Connections that listeners dropped, for that or another reason.", *drops);
}

/// By the names that Prometheus' own libraries give them.
void add_process(metrics_text& to, const process_files& process) {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    to.counter("process_cpu_seconds_total", "Processor time, of the user and of the system.");
    to.sample("process_cpu_seconds_total", seconds(used.ru_utime) + seconds(used.ru_stime));
    std::istringstream pages(process.statm());
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    pages >> size >> resident;
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    to.one_gauge("process_resident_memory_bytes", "Memory in use.", resident * page);
    to.one_gauge("process_open_fds", "Descriptors in use.", process.count_descriptors());
    rlimit most{};
    ::getrlimit(RLIMIT_NOFILE, &most);
    to.one_gauge("process_max_fds", "Descriptors that there may be.", most.rlim_cur);
}

}  // namespace

process_files::process_files()
    : netstat_(::open("/proc/self/net/netstat", O_RDONLY | O_CLOEXEC)),
      statm_(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC)),
      descriptors_(::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

/// From its beginning: the kernel writes such a file anew for each reading.
std::string process_files::read(const descriptor& from) {
    std::string text;
    std::array<char, 4096> some{};
    for (ssize_t got = 1; got > 0;) {
        got = ::pread(from.get(), some.data(), some.size(), static_cast<off_t>(text.size()));
        if (got > 0) text.append(some.data(), static_cast<std::size_t>(got));
    }
    return text;
}

std::uint64_t process_files::count_descriptors() const {
    const int again = ::fcntl(descriptors_.get(), F_DUPFD_CLOEXEC, 0);
    DIR* const folder = again < 0 ? nullptr : ::fdopendir(again);
    if (!folder) {
        if (again >= 0) ::close(again);
        return 0;
    }
    ::rewinddir(folder);
    std::uint64_t count = 0;
    while (const dirent* const each = ::readdir(folder))
        count += each->d_name[0] != '.';
    ::closedir(folder);
    return count - 1;  // this look's own
}

std::string_view content_type(metrics_format format) noexcept {
    return format == metrics_format::openmetrics
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

std::string write_metrics(metrics_format format, const metrics_sources& from) {
    metrics_text text(format);
    add_server(text, from);
    add_loads(text, from);
    add_traffic(text, from.seen);
    add_message_times(text, from.seen.times);
    if (from.sealed) add_tls(text, *from.sealed);
    if (from.book) add_journal(text, *from.book);
    add_kernel(text, from.process);
    add_process(text, from.process);
    return text.finish();
}

std::optional<std::uint64_t> netstat_figure(std::string_view table, std::string_view group,
                                            std::string_view name) {
    std::istringstream lines{std::string(table)};
    const std::string wanted = std::string(group) + ":";
    for (std::string names, values; std::getline(lines, names) && std::getline(lines, values);) {
        if (!names.starts_with(wanted)) continue;
        std::istringstream each_name(names);
        std::istringstream each_value(values);
        for (std::string one, value; each_name >> one && each_value >> value;)
            if (one == name) return std::strtoull(value.c_str(), nullptr, 10);
    }
    return {};
}

}  // namespace aperto::cli

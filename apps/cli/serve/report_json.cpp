// SPDX-License-Identifier: MIT
#include "aperto/server.hpp"
#include "aperto/version.hpp"
#include "cli/admin/message_times.hpp"
#include "cli/admin/observer.hpp"
#include "cli/serve/log.hpp"
#include "cli/serve/report.hpp"
#include "core/log_safe.hpp"

#include <unistd.h>

#include <algorithm>
#include <vector>

namespace aperto::cli {

namespace {

std::optional<std::int64_t> microseconds(const std::optional<std::chrono::microseconds>& time) {
    return time ? std::optional<std::int64_t>(time->count()) : std::nullopt;
}

/// The handshake: what each side announced and what the kernel measured of it.
void add_handshake(json_line& line, const tcp_facts& facts) {
    if (facts.process) {
        line.add("pid", facts.process->process)
            .add("uid", facts.process->user)
            .add("gid", facts.process->group);
        return;
    }
    if (facts.client_syn) {
        line.add("client_mss", facts.client_syn->mss)
            .add("client_window", facts.client_syn->window)
            .add("client_window_scale", facts.client_syn->window_scale);
    }
    line.add("server_mss", facts.advertised_mss)
        .add("server_window_scale", facts.receive_window_scale)
        .add("send_mss", facts.send_mss)
        .add("send_window", facts.send_window)
        .add("receive_window", facts.receive_window)
        .add("sack", facts.sack)
        .add("timestamps", facts.timestamps)
        .add("ecn", facts.ecn)
        .add("rtt_us", microseconds(facts.rtt))
        .add("rto_us", microseconds(facts.rto));
    if (!facts.congestion_control.empty()) line.add("congestion_control", facts.congestion_control);
}

void add_proxy(json_line& line, const proxy_facts& told) {
    line.add("proxy", name_of(told.proxy)).add("proxy_version", told.version);
    if (told.destination) line.add("proxy_destination", told.destination.to_string());
    line.add("proxy_authority", told.find(proxy_facts::authority))
        .add("proxy_alpn", told.find(proxy_facts::alpn))
        .add("proxy_unique_id", told.find(proxy_facts::unique_id));
}

/// One object a line. Messages give way to the event `messages` when they come faster than a person reads;
/// lines on clients give way to the event `clients` when they come faster than a program should have to read.
/// Unless all are asked for.
class json_report final : public report {
public:
    explicit json_report(const options& settings) : report(settings) {}

    void tell_started(const server& which) override {
        for (const endpoint& where : which.endpoints()) {
            json_line line("listening");
            line.add("address", where.address()).add("port", where.port()).add("why", which.why());
            line.add("engine", engine_name(which)).add("workers", which.workers());
            line.add("engines", engine_names(which));
            if (!left_open_.empty()) line.add("unconfined", left_open_);
            line.add("version", version).add("level", to_string(level())).add("pid", ::getpid());
            write(log_level::notice, line.finish());
        }
    }

    void tell_accepted(const connection_view& who) override {
        if (!shown(held_accepted_)) return;
        json_line line = about("accepted", who.id(), who.remote());
        line.add("local", who.local().to_string());
        if (const proxy_facts* const told = who.proxied()) add_proxy(line, *told);
        add_handshake(line, facts_of(who));
        write(log_level::info, line.finish());
    }

    void tell_message(const connection_view& who, std::string_view message, std::uint64_t offset) override {
        if (messages() == message_detail::some && !admit()) {
            held_message_bytes_.fetch_add(message.size(), std::memory_order_relaxed);
            hold(held_messages_);
            return;
        }
        json_line line = about("message", who.id(), who.remote());
        line.add("offset", offset).add("bytes", message.size()).add_cut("text", message, log_safe_size_max);
        if (message.size() > log_safe_size_max) line.add("cut", true);
        write(log_level::info, line.finish());
    }

    void tell_closed(const connection_view& who, const closing& how) override {
        const log_level level = level_of(how);
        if (!shown(held_closed_, level)) return;
        json_line line = about("closed", who.id(), who.remote());
        line.add("reason", to_string(how.reason))
            .add("bytes_in", who.bytes_received())
            .add("bytes_out", who.bytes_sent())
            .add("duration_ms", std::chrono::duration<double, std::milli>(how.lifetime).count());
        const tcp_facts facts = facts_of(who);
        line.add("retransmissions", facts.retransmissions).add("rtt_us", microseconds(facts.rtt));
        if (const auto sealed = who.transport()) {
            line.add("tls", sealed->protocol).add("cipher", sealed->cipher).add("resumed", sealed->resumed);
            if (!sealed->peer_subject.empty()) line.add("certificate", sealed->peer_subject);
        }
        if (how.error) line.add("error", how.error.message());
        if (!how.tried.empty()) line.add("tried", how.tried);
        if (!how.thrown.empty()) line.add("thrown", how.thrown);
        write(level, line.finish());
    }

    void timed(const message_record& what) override {
        if (!tells(log_level::info)) return;
        if (!admit_for_program()) return hold(held_timed_);
        write(log_level::info, json_line("timed").add_members(message_json(what)).finish());
    }

    void limit(std::string_view name, const endpoint& who, const std::error_code& why) override {
        if (!tells(log_level::warning)) return;
        if (!admit()) {
            hold(held_limits_);
            return;
        }
        json_line line("limit");
        line.add("name", name);
        if (who) line.add("peer", who.to_string());
        if (why) line.add("error", why.message());
        write(log_level::warning, line.finish());
    }

    void invalid_utf8(const connection_view& who, std::uint64_t offset) override {
        if (!shown(held_invalid_)) return;
        json_line line = about("invalid_utf8", who.id(), who.remote());
        line.add("offset", offset);
        write(log_level::info, line.finish());
    }

    void tell_stopping() override {
        json_line line("stopping");
        write(log_level::notice, line.finish());
    }

    void tell_reopened(const std::error_code& failed) override {
        json_line line(failed ? "reopen_refused" : "reopened");
        if (failed) line.add("error", failed.message());
        write(failed ? log_level::error : log_level::notice, line.finish());
    }

    void certificate_read(std::chrono::system_clock::time_point expires) override {
        const log_level level = days_until(expires) < days_to_warn ? log_level::warning : log_level::notice;
        json_line line("certificate");
        line.add("expires", utc_text(expires))
            .add("days_left", static_cast<std::int64_t>(days_until(expires)));
        write(level, line.finish());
    }

    void certificate_refused(const error& why) override {
        json_line line("certificate_refused");
        line.add("error", why.what()).add("advice", why.advice());
        write(log_level::error, line.finish());
    }

    void reloaded(const said::differences& found) override {
        const auto views = [](const std::vector<std::string>& texts) {
            return std::vector<std::string_view>(texts.begin(), texts.end());
        };
        json_line line("reloaded");
        line.add("changed", views(found.taken)).add("left", views(found.left));
        write(log_level::notice, line.finish());
    }

    void reload_refused(const std::string& why) override {
        json_line line("reload_refused");
        line.add("error", why);
        write(log_level::error, line.finish());
    }

    void journal(const journal_news& news) override {
        json_line line("journal");
        log_level level = log_level::notice;
        switch (news.what) {
        case journal_news::kind::refused:
            level = log_level::error;
            line.add("what", "refused").add("messages", news.messages);
            break;
        case journal_news::kind::put_aside:
            line.add("what", "put_aside").add("file", news.file);
            break;
        case journal_news::kind::not_put_aside:
            level = log_level::warning;
            line.add("what", "not_put_aside");
            break;
        }
        if (news.why) line.add("error", news.why.message());
        write(level, line.finish());
    }

    void watched_at(const endpoint& where) override {
        json_line line("admin");
        line.add("address", where.address()).add("port", where.port());
        write(log_level::notice, line.finish());
    }

    void handover(const handover_news& news) override {
        json_line line("handover");
        line.add("what", news.what == handover_news::kind::follows    ? "follows"
                         : news.what == handover_news::kind::followed ? "followed"
                                                                      : "not_followed");
        line.add("process", news.process);
        write(level_of(news), line.finish());
    }

    void counters(const server_counters& counted, std::size_t open, const observer* seen) override {
        json_line line("counters");
        line.add("open", open).add("accepted", counted.accepted).add("closed", counted.closed);
        for (std::size_t i = 0; i < limit_count; ++i) {
            std::string key = "struck_" + std::string(to_string(static_cast<aperto::limit>(i)));
            std::replace(key.begin(), key.end(), '-', '_');
            line.add(key, counted.strikes[i]);
        }
        if (seen)
            line.add("messages", seen->messages.load())
                .add("message_bytes", seen->message_bytes.load())
                .add("replies", seen->replies.load())
                .add("reply_bytes", seen->reply_bytes.load());
        line.add("reloads", reloads_taken()).add("reloads_refused", reloads_refused());
        line.add("log_lines_lost", lines_lost());
        write(log_level::notice, line.finish());
    }

    void found(const open_connection& each) override {
        json_line line = about("connection", each.id, each.remote);
        const tcp_facts facts = each.facts.value_or(tcp_facts{});
        const auto ms = [](duration time) { return std::chrono::duration<double, std::milli>(time).count(); };
        line.add("local", each.local.to_string())
            .add("worker", each.worker)
            .add("state", to_string(each.state))
            .add("age_ms", ms(each.age))
            .add("without_progress_ms", ms(each.without_progress))
            .add("bytes_in", each.bytes_received)
            .add("bytes_out", each.bytes_sent)
            .add("messages", each.messages)
            .add("rtt_us", microseconds(facts.rtt))
            .add("congestion_window", facts.congestion_window)
            .add("unacknowledged", facts.unacknowledged)
            .add("retransmissions", facts.retransmissions);
        if (each.transport) line.add("tls", each.transport->protocol).add("cipher", each.transport->cipher);
        write(log_level::notice, line.finish());
    }

    void found_all(std::size_t count, bool is_whole) override {
        json_line line("connections");
        line.add("count", count).add("whole", is_whole);
        write(is_whole ? log_level::notice : log_level::warning, line.finish());
    }

    void noted(int signal) override {
        json_line line("signal");
        line.add("name", signal_name(signal)).add("effect", "none");
        write(log_level::notice, line.finish());
    }

    void stopped() override {
        json_line line("stopped");
        line.add("connections", connections_.load()).add("invalid_utf8_bytes", invalid_bytes_.load());
        write(log_level::notice, line.finish());
    }

protected:
    void summary(const tally& held_back, bool /*calm*/) override {
        if (held_back.messages != 0) {
            json_line line("messages");
            line.add("count", held_back.messages).add("bytes", held_back.message_bytes);
            write(log_level::info, line.finish());
        }
        if (held_back.of_clients() != 0) {
            json_line line("clients");
            line.add("accepted", held_back.accepted).add("closed", held_back.closed);
            line.add("invalid_utf8", held_back.invalid);
            write(log_level::info, line.finish());
        }
        if (held_back.limits != 0) {
            json_line line("limits");
            line.add("count", held_back.limits);
            write(log_level::warning, line.finish());
        }
    }

    std::string dropped_line(std::uint64_t lines) const override {
        json_line line("log_dropped");
        line.add("lines", lines);
        return line.finish();
    }

private:
    static json_line about(std::string_view event, std::uint64_t connection, const endpoint& who) {
        json_line line(event);
        line.add("connection", connection).add("peer", name_of(who));
        return line;
    }

    bool shown(std::atomic<std::uint64_t>& counter, log_level level = log_level::info) {
        if (!tells(level)) return false;
        if (admit_for_program()) return true;
        hold(counter);
        return false;
    }

    /// Each worker's, in their order.
    static std::vector<std::string_view> engine_names(const server& which) {
        std::vector<std::string_view> names;
        for (const engine each : which.engines())
            names.push_back(to_string(each));
        return names;
    }

    static std::string_view engine_name(const server& which) {
        const std::vector<std::string_view> names = engine_names(which);
        const bool same = std::all_of(names.begin(), names.end(),
                                      [&](std::string_view each) { return each == names.front(); });
        return same ? names.front() : "mixed";
    }
};

}  // namespace

std::unique_ptr<report> make_json_report(const report::options& settings) {
    return std::make_unique<json_report>(settings);
}

}  // namespace aperto::cli

// SPDX-License-Identifier: MIT
#include "lab/view/show.hpp"

#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/view/json_lines.hpp"
#include "lab/view/sockets.hpp"
#include "lab/view/summary.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace aperto::lab {

namespace {

constexpr std::uint64_t first_rungs = 120;  ///< of a run that are all drawn
constexpr std::uint64_t rungs_max = 1000;   ///< and of what is out of the ordinary

/// The sign at the beginning of a verdict's line in green or red.
std::string coloured_sign(const std::string& line, bool holds) {
    const auto begin = line.find_first_not_of(' ');
    const auto end = line.find(' ', begin);
    return fmt::format("{}{}{}\033[0m{}", line.substr(0, begin), holds ? "\033[32m" : "\033[31m",
                       line.substr(begin, end - begin), line.substr(end));
}

/// A program of several lines as such, each of them a little to the right.
std::string program_text(std::string_view text) {
    std::string out;
    while (text.ends_with('\n')) {
        text.remove_suffix(1);
    }
    for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
        out += log_safe(text.substr(0, end)) + "\n  ";
        text.remove_prefix(end + 1);
    }
    return out + log_safe(text);
}

/// What is shown and kept of a program's output; expectations see all of it.
constexpr std::uint64_t lines_shown_max = 100'000;
constexpr std::uint64_t bytes_shown_max = 16'777'216;

}  // namespace

bool notable(const event& one) {
    constexpr std::uint32_t ordinary = mark::window_full;
    return one.end == fate::lost || one.faults != 0 || (one.marks & ~ordinary) != 0 || !one.seen.is_tcp ||
           one.seen.has(tcp_flag::syn | tcp_flag::fin | tcp_flag::rst);
}

show::show(show_plan plan, const run_plan& run, std::vector<expectation> expected,
           const std::vector<question>& asked)
    : plan_(std::move(plan)), run_(run), ladder_(plan_.style, run.wire.named), words_(run.wire.named) {
    for (auto& one : expected) {
        judges_.emplace_back(std::move(one));
    }
    for (const auto& one : asked) {
        examiners_.emplace_back(one);
    }
    if (!plan_.capture_path.empty()) {
        capture_.emplace(plan_.capture_path, plan_.view, run.client.v6, run.wire.named);
    }
    if (has_json() && plan_.json_path != "-") {
        json_file_.open(plan_.json_path, std::ios::trunc);
        if (!json_file_) {
            throw std::system_error(errno, std::system_category(), plan_.json_path);
        }
    }
    if (!plan_.page_path.empty() || plan_.in_words) {
        page_.emplace(plan_.title, run.wire.named);
    }
}

bool show::wants_events(const show_plan& plan, const std::vector<expectation>& expected) {
    return plan.detail != ladder_detail::none || !plan.json_path.empty() || !plan.capture_path.empty() ||
           !plan.page_path.empty() || !expected.empty();
}

run_watcher show::watcher() {
    run_watcher out;
    out.packet = [this](const seen_packet& one) { see(one); };
    out.began = [this](std::chrono::nanoseconds when) {
        if (capture_) {
            capture_->begin(when);
        }
    };
    out.output = [this](side whose, const std::string& line) { hear(whose, line); };
    out.turn = [this] {
        out_.offer();
        if (capture_) {
            capture_->offer();
        }
    };
    out.ready = [this](const std::vector<std::string>& missing) { begin(missing); };
    return out;
}

void show::hear(side whose, const std::string& line) {
    for (auto& each : judges_) {
        each.hear(whose, line);
    }
    for (auto& each : examiners_) {
        each.hear(whose, line);
    }
    auto& shown = shown_[index(whose)];
    if (shown.lines >= lines_shown_max || shown.bytes >= bytes_shown_max) {
        ++shown.lines_cut;
        shown.bytes_cut += line.size() + 1;
        return;
    }
    ++shown.lines;
    shown.bytes += line.size() + 1;
    print_output(whose, log_safe(line));
    if (has_json()) {
        write_json(fmt::format(R"({{"event":"output","from":"{}","text":{}}})", side_name(whose),
                               json_string(line)));
    }
}

void show::tell_what_was_cut() {
    for (const auto whose : {side::client, side::server}) {
        const auto& shown = shown_[index(whose)];
        if (shown.lines_cut == 0) {
            continue;
        }
        print_output(whose, counted("… and {} more line that is not shown ({})",
                                    "… and {} more lines that are not shown ({})", shown.lines_cut,
                                    size_text(shown.bytes_cut)));
        if (has_json()) {
            write_json(fmt::format(R"({{"event":"output","from":"{}","lines_cut":{},"bytes_cut":{}}})",
                                   side_name(whose), shown.lines_cut, shown.bytes_cut));
        }
    }
}

void show::begin(const std::vector<std::string>& missing) {
    if (has_json()) {
        std::string settings;
        for (const auto& one : run_.server.settings) {
            if (std::find(missing.begin(), missing.end(), one.name) == missing.end()) {
                settings +=
                    (settings.empty() ? "" : ",") + json_string(one.name) + ":" + json_string(one.value);
            }
        }
        write_json(
            fmt::format(R"({{"event":"run","schema":1,"seed":{},"server":{},"client":{},"settings":{{{}}}}})",
                        run_.wire.seed, json_string(run_.server_program.text),
                        json_string(run_.client_program.text), settings));
    }
    say(sentence(_("server: {}"), program_text(run_.server_program.text)) + "\n" +
            sentence(_("client: {}"), program_text(run_.client_program.text)) + "\n" +
            sentence(_("seed {}"), run_.wire.seed) + "\n",
        2);
    if (plan_.detail != ladder_detail::none) {
        say(ladder_.heading());
    }
}

/// A line of a program behind its name; both names take the room of the longer one.
void show::print_output(side whose, const std::string& text) {
    const auto name = side_text(whose);
    const auto room = std::max(display_width(name), display_width(side_text(other(whose)))) + 1;
    const auto head = name + std::string(room - display_width(name), ' ') + "│ ";
    const auto line = plan_.style.fitted(plan_.style.squeezed(head + text) + "\n", display_width(head));
    if (plan_.detail == ladder_detail::brief) {
        output_kept_ += line;
    } else {
        print(line);
    }
}

void show::say(const std::string& text, std::size_t indent) { print(plan_.style.fitted(text, indent)); }

void show::print(const std::string& text) {
    if (plan_.json_path != "-") {
        out_.write(text);
    }
}

void show::write_json(const std::string& object) {
    if (plan_.json_path == "-") {
        out_.write(object + "\n");
    } else {
        json_file_ << object << "\n";
    }
}

void show::see(const seen_packet& one) {
    for (auto& each : judges_) {
        each.see(one.what);
    }
    for (auto& each : examiners_) {
        each.see(one.what);
    }
    if (has_json()) {
        auto object = event_json(one.what, run_.wire.named);
        if (plan_.in_words) {
            object.insert(object.size() - 1, R"(,"words":)" + json_string(words_.all(one.what)));
        }
        write_json(object);
    }
    if (capture_) {
        capture_->add(one);
    }
    if (page_) {
        page_->add(one.what, one.bytes);
    }
    if (plan_.detail != ladder_detail::none) {
        draw(one.what);
    }
}

void show::draw(const event& one) {
    if (plan_.detail == ladder_detail::brief) {
        brief_.add(one);
        return;
    }
    const bool wanted =
        plan_.detail == ladder_detail::all || drawn_ < first_rungs || (notable(one) && drawn_ < rungs_max);
    if (!wanted) {
        ++folded_;
        return;
    }
    if (folded_ > 0) {
        say(ladder_.gap(folded_));
        folded_ = 0;
    }
    print(ladder_.rung(one));
    ++drawn_;
}

/// The rows that say most, what is between them folded, then what the programs printed.
void show::draw_brief(const std::vector<verdict>& verdicts) {
    for (const auto& one : verdicts) {
        brief_.want(one.holds ? std::vector<std::uint64_t>{} : one.packets);
    }
    std::uint64_t before = 0;
    for (const auto& one : brief_.rows()) {
        if (one.number > before + 1) {
            say(ladder_.gap(one.number - before - 1));
        }
        before = one.number;
        print(ladder_.rung(one));
    }
    if (brief_.seen() > before) {
        say(ladder_.gap(brief_.seen() - before));
    }
    print(output_kept_);
}

/// Where they are to be folded, those that hold in one line.
void show::print_verdicts(const std::vector<verdict>& verdicts) {
    std::vector<verdict> alone;
    std::copy_if(verdicts.begin(), verdicts.end(), std::back_inserter(alone),
                 [this](const verdict& one) { return !one.holds || !plan_.folds_checks; });
    print_sentences(alone);
    if (const auto folded = verdicts.size() - alone.size(); folded > 0) {
        const auto line = plan_.style.fitted("  ✓ " +
                                                 counted("{} check holds (--checks shows it)",
                                                         "{} checks hold (--checks shows them)", folded) +
                                                 "\n",
                                             4);
        print(plan_.style.colour ? coloured_sign(line, true) : line);
    }
}

/// The evidence beside each sentence or, where some line would be too wide for that, below it.
void show::print_sentences(const std::vector<verdict>& verdicts) {
    constexpr std::size_t sign_columns = 4;
    std::size_t width = 0;
    std::size_t widest = 0;
    for (const auto& one : verdicts) {
        width = std::max(width, display_width(one.text));
        widest = std::max(widest, display_width(log_safe(one.evidence)));
    }
    const bool beside = !plan_.style.wraps || sign_columns + width + 3 + widest <= plan_.style.columns;
    for (const auto& one : verdicts) {
        const auto evidence = beside ? std::string(width - display_width(one.text) + 3, ' ') : "\n      ";
        const auto line = plan_.style.fitted(
            fmt::format("  {} {}{}{}\n", one.holds ? "✓" : "✗", one.text, evidence, log_safe(one.evidence)),
            sign_columns + 2);
        print(plan_.style.colour ? coloured_sign(line, one.holds) : line);
    }
}

std::vector<verdict> show::finish(const run_report& report) {
    std::vector<verdict> verdicts;
    for (const auto& one : judges_) {
        verdicts.push_back(one.decide(report));
    }
    for (const auto& one : examiners_) {
        facts_.push_back(one.decide(report));
        brief_.want(facts_.back().packets);
    }
    tell_what_was_cut();
    if (plan_.detail == ladder_detail::brief) {
        draw_brief(verdicts);
    } else if (folded_ > 0 && plan_.detail != ladder_detail::none) {
        say(ladder_.gap(folded_));
    }
    say("\n" + summary_text(report), summary_indent);
    if (run_.ask_kernel) {
        say("\n" + timer_table(report));
    }
    if (report.stopped) {
        say("\n" + stopping_text(report), 10);
    }
    if (!verdicts.empty()) {
        print("\n");
        print_verdicts(verdicts);
    }
    write_end(report, verdicts);
    return verdicts;
}

void show::write_end(const run_report& report, const std::vector<verdict>& verdicts) {
    if (has_json()) {
        for (const auto& one : report.socket_samples) {
            write_json(sample_json(one));
        }
        if (report.stopped) {
            write_json(stopping_json(report));
        }
        for (const auto& one : verdicts) {
            write_json(fmt::format(R"({{"event":"verdict","holds":{},"expected":{},"evidence":{}}})",
                                   one.holds, json_string(one.text), json_string(one.evidence)));
        }
        for (const auto& one : facts_) {
            write_json(fmt::format(R"({{"event":"fact","known":{},"right":{},"value":{:.0f},"evidence":{}}})",
                                   one.known, json_string(one.right), one.value, json_string(one.evidence)));
        }
        write_json(summary_json(report));
        if (plan_.in_words) {
            auto run = page_->run_json(report, verdicts, {plan_.lesson, plan_.topic, facts_});
            std::replace(run.begin(), run.end(), '\n', ' ');  // none is inside a string of JSON
            write_json(R"({"event":"page","run":)" + run + "}");
        }
        if (json_file_.is_open() && !json_file_.flush()) {
            throw std::system_error(EIO, std::system_category(), plan_.json_path);
        }
    }
    if (capture_ && !capture_->finish()) {
        throw std::system_error(EIO, std::system_category(), plan_.capture_path);
    }
    if (!plan_.page_path.empty()) {
        page_->write(plan_.page_path, report, verdicts, {plan_.lesson, plan_.topic, facts_});
    }
    if (!out_.finish() && plan_.json_path == "-") {
        throw std::system_error(EIO, std::system_category(), plan_.json_path);
    }
}

std::string settings_text(const std::vector<host_setting>& settings,
                          const std::vector<std::string>& missing) {
    std::string out;
    for (const auto& one : settings) {
        const bool absent = std::find(missing.begin(), missing.end(), one.name) != missing.end();
        const auto words = absent                 ? std::string(_("this kernel does not have it"))
                           : one.in_words.empty() ? std::string(_("as asked"))
                                                  : std::string(_(one.in_words.c_str()));
        out += fmt::format("  {:<36}{:<24}{}\n", one.name, one.value, words);
    }
    return out;
}

}  // namespace aperto::lab

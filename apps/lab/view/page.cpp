// SPDX-License-Identifier: MIT
#include "lab/view/page.hpp"

#include "core/sentence.hpp"
#include "lab/view/json_lines.hpp"
#include "lab/view/sockets.hpp"
#include "lab/view/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <map>
#include <sstream>
#include <system_error>

namespace aperto::lab {

// The files of page/, put into the program by aperto_embed (apps/CMakeLists.txt).
extern const std::string_view page_skeleton;
extern const std::string_view page_style;
extern const std::string_view page_library;  ///< D3
extern const std::string_view page_script;

std::string for_script(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        if (c == '<') {
            out += "\\u003c";
        } else {
            out += c;
        }
    }
    return out;
}

void page_data::add(const event& one, bytes_view bytes) {
    if (count_ == packets_max) {
        ++left_out_;
        return;
    }
    auto object = event_json(one, *named_);
    object.pop_back();
    const auto header = bytes.first(std::min<std::size_t>(bytes.size(), one.seen.payload_offset()));
    packets_ += (count_ > 0 ? ",\n" : "") + object + R"(,"words":)" + json_string(words_.all(one)) +
                fmt::format(R"(,"header":"{:02x}"}})", fmt::join(header, ""));
    ++count_;
}

namespace {

double microseconds(duration value) { return static_cast<double>(value.count()) / 1e3; }

std::string lines_json(const std::string& text) {
    std::string out = "[";
    std::istringstream read(text);
    for (std::string line; std::getline(read, line);) {
        out += (out.size() > 1 ? "," : "") + json_string(line);
    }
    return out + "]";
}

std::string checks_json(const std::vector<verdict>& verdicts) {
    std::string out = "[";
    for (const auto& one : verdicts) {
        out += fmt::format(R"({}{{"holds":{},"text":{},"evidence":{}}})", out.size() > 1 ? "," : "",
                           one.holds, json_string(one.text), json_string(one.evidence));
    }
    return out + "]";
}

std::string samples_json(const run_report& report) {
    std::string out = "[";
    for (const auto& one : report.socket_samples) {
        out += (out.size() > 1 ? ",\n" : "") + sample_json(one);
    }
    return out + "]";
}

/// The retransmission timer as RFC 6298 computes it from what the wire saw.
std::string timers_json(const run_report& report) {
    std::string out = "[";
    for (const auto& one : report.flows) {
        for (const auto from : {side::client, side::server}) {
            if (one.half(from).timer_steps.empty()) {
                continue;
            }
            out += fmt::format(R"({}{{"flow":{},"from":"{}","steps":[)", out.size() > 1 ? ",\n" : "",
                               one.number, side_name(from));
            const char* between = "";
            for (const auto& step : one.half(from).timer_steps) {
                out += fmt::format("{}[{:.1f},{:.1f},{:.1f},{:.1f}]", between, microseconds(step.at),
                                   microseconds(step.round_trip), microseconds(step.srtt),
                                   microseconds(step.rto));
                between = ",";
            }
            out += "]}";
        }
    }
    return out + "]";
}

std::string lesson_json(const page_lesson& lesson) {
    if (!lesson.text) {
        return "null";
    }
    std::string questions;
    for (const auto& one : lesson.text->questions) {
        std::string choices;
        for (const auto& choice : one.choices) {
            choices += (choices.empty() ? "" : ",") + json_string(choice);
        }
        questions += fmt::format(R"({}{{"text":{},"choices":[{}]}})", questions.empty() ? "" : ",",
                                 json_string(one.text), choices);
    }
    std::string facts;
    for (const auto& one : lesson.facts) {
        facts += fmt::format(R"({}{{"known":{},"right":{},"evidence":{},"packets":[{}]}})",
                             facts.empty() ? "" : ",", one.known, json_string(one.right),
                             json_string(one.evidence), fmt::join(one.packets, ","));
    }
    return fmt::format(R"({{"intro":{},"questions":[{}],"after":{},"facts":[{}]}})",
                       json_string(lesson.text->intro), questions, json_string(lesson.text->after), facts);
}

}  // namespace

std::string page_data::run_json(const run_report& report, const std::vector<verdict>& verdicts,
                                const page_lesson& lesson) const {
    return fmt::format(R"({{"title":{},"headline":{},"topic":{},"lines":{},"checks":{},"left_out":{},)",
                       json_string(title_), json_string(headline(report)), json_string(lesson.topic),
                       lines_json(summary_text(report)), checks_json(verdicts), left_out_) +
           R"("lesson":)" + lesson_json(lesson) + ",\n\"timers\":" + timers_json(report) +
           ",\n\"packets\":[\n" + packets_ + "\n],\n\"samples\":" + samples_json(report) + "}";
}

void page_data::write(const std::string& path, const run_report& report, const std::vector<verdict>& verdicts,
                      const page_lesson& lesson) const {
    std::ofstream file(path, std::ios::trunc);
    if (!file) {
        throw std::system_error(errno, std::system_category(), path);
    }
    file << page_text(title_, run_json(report, verdicts, lesson));
    file.close();
    if (file.fail()) {
        throw std::system_error(EIO, std::system_category(), path);
    }
}

std::string page_text(std::string_view title, std::string_view run, const page_more& more) {
    const std::map<std::string_view, std::string> values{
        {"language", std::string_view(_("en")).substr(0, 2) == "pt" ? "pt-BR" : "en"},
        {"policy", more.asks_server ? "; connect-src 'self'" : ""},
        {"title", for_markup(title)},
        {"style", std::string(page_style) + std::string(more.style)},
        {"words", for_script(page_words())},
        {"run", for_script(run)},
        {"library", std::string(page_library)},
        {"script", std::string(page_script) + std::string(more.script)}};
    std::string out;
    auto rest = page_skeleton;
    for (auto begin = rest.find('@'); begin != std::string_view::npos; begin = rest.find('@')) {
        const auto end = rest.find('@', begin + 1);
        out += rest.substr(0, begin);
        out += values.at(rest.substr(begin + 1, end - begin - 1));
        rest.remove_prefix(end + 1);
    }
    return out.append(rest);
}

std::string for_markup(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        default:
            out += c;
        }
    }
    return out;
}

}  // namespace aperto::lab

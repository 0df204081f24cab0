// SPDX-License-Identifier: MIT
#include "lab/view/page.hpp"

#include "core/sentence.hpp"
#include "lab/view/json_lines.hpp"
#include "lab/view/sockets.hpp"
#include "lab/view/summary.hpp"

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

namespace {

/// JSON inside <script>: no "</" may end the element early.
std::string for_script(std::string text) {
    for (auto at = text.find("</"); at != std::string::npos; at = text.find("</", at + 3)) {
        text.replace(at, 2, "<\\/");
    }
    return text;
}

std::string words_json() {
    const std::vector<std::pair<const char*, const char*>> words{
        {"client", _("client")},
        {"server", _("server")},
        {"all", _("all packets")},
        {"notable", _("out of the ordinary")},
        {"faults", _("struck by the wire")},
        {"again", _("sent again")},
        {"data", _("with data")},
        {"connection", _("connection")},
        {"all_connections", _("all connections")},
        {"ladder", _("Ladder")},
        {"sequence", _("Time and sequence numbers")},
        {"window", _("Window")},
        {"zoom", _("zoom")},
        {"show", _("show")},
        {"details", _("Click a packet for its details; the arrow keys go from one to the next.")},
        {"key_syn", _("beginning and end")},
        {"key_lost", _("lost or damaged")},
        {"key_note", _("out of order, SACK, duplicate ACK")},
        {"key_zero", _("zero window and its end")},
        {"ms", "ms"},
        {"bytes", _("bytes")},
        {"sent", _("sent")},
        {"lost", _("lost")},
        {"acknowledged", _("acknowledged")},
        {"in_flight", _("sent but not acknowledged")},
        {"advertised", _("window the receiver offers")},
        {"segments", _("Segments, as the kernel counts them")},
        {"timers", _("Round trip and retransmission timer, as the kernel has them")},
        {"direction", _("stream of the")}};
    std::string out = "{";
    for (const auto& [key, text] : words) {
        out += (out.size() > 1 ? "," : "") + json_string(key) + ":" + json_string(text);
    }
    return out + "}";
}

}  // namespace

void page_data::add(const event& one) {
    if (count_ == packets_max) {
        ++left_out_;
        return;
    }
    auto object = event_json(one, *named_);
    object.pop_back();
    const auto loss = words_.loss(one);
    auto text = words_.about(one);
    if (!loss.empty()) {
        text = loss + (text.empty() ? "" : " · ") + text;
    }
    packets_ += (count_ > 0 ? ",\n" : "") + object + R"(,"words":)" + json_string(text) + "}";
    ++count_;
}

std::string page_data::run_json(const run_report& report, const std::vector<verdict>& verdicts) const {
    auto summary = summary_text(report);
    for (const auto& one : verdicts) {
        summary += fmt::format("{} {}   {}\n", one.holds ? "✓" : "✗", one.text, one.evidence);
    }
    if (left_out_ > 0) {
        summary +=
            counted("{} more packet is not on this page", "{} more packets are not on this page", left_out_) +
            "\n";
    }
    std::string lines;
    std::istringstream read(summary);
    for (std::string line; std::getline(read, line);) {
        lines += (lines.empty() ? "" : ",") + json_string(line);
    }
    std::string samples;
    for (const auto& one : report.socket_samples) {
        samples += (samples.empty() ? "" : ",\n") + sample_json(one);
    }
    return "{\"title\":" + json_string(title_) + ",\"lines\":[" + lines + "],\"packets\":[\n" + packets_ +
           "\n],\"samples\":[\n" + samples + "\n]}";
}

void page_data::write(const std::string& path, const run_report& report,
                      const std::vector<verdict>& verdicts) const {
    std::ofstream file(path, std::ios::trunc);
    if (!file) {
        throw std::system_error(errno, std::system_category(), path);
    }
    file << page_text(title_, run_json(report, verdicts));
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
        {"words", for_script(words_json())},
        {"run", for_script(std::string(run))},
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

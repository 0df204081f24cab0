// SPDX-License-Identifier: MIT
#include "lab/view/page.hpp"

#include "core/sentence.hpp"
#include "lab/view/json_lines.hpp"
#include "lab/view/markup.hpp"
#include "lab/view/summary.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

namespace aperto::lab {

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

void page_data::write(const std::string& path, const run_report& report,
                      const std::vector<verdict>& verdicts) const {
    std::ofstream file(path, std::ios::trunc);
    if (!file) {
        throw std::system_error(errno, std::system_category(), path);
    }
    const std::string language = std::string_view(_("en")).substr(0, 2) == "pt" ? "pt-BR" : "en";
    file << "<!DOCTYPE html>\n<html lang=\"" << language << "\">\n<head>\n<meta charset=\"utf-8\">\n"
         << "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
            "'unsafe-inline'; script-src "
            "'unsafe-inline'\">\n"
         << "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>"
         << for_markup(title_) << "</title>\n<style>" << page_style << "</style>\n</head>\n<body>\n<h1>"
         << for_markup(title_) << "</h1>\n<pre id=\"summary\">";
    auto summary = summary_text(report);
    for (const auto& one : verdicts) {
        summary += fmt::format("{} {}   {}\n", one.holds ? "✓" : "✗", one.text, one.evidence);
    }
    if (left_out_ > 0) {
        summary +=
            counted("{} more packet is not on this page", "{} more packets are not on this page", left_out_) +
            "\n";
    }
    std::istringstream lines(summary);
    for (std::string line; std::getline(lines, line);) {
        file << "<div>" << for_markup(line) << "</div>";
    }
    file << "</pre>\n"
         << page_body
         << "\n<script id=\"run\" type=\"application/json\">{\"words\":" << for_script(words_json())
         << ",\"packets\":[\n"
         << for_script(packets_) << "\n]}</script>\n<script>" << page_script << page_graphs
         << "</script>\n</body>\n</html>\n";
    file.close();
    if (file.fail()) {
        throw std::system_error(EIO, std::system_category(), path);
    }
}

}  // namespace aperto::lab

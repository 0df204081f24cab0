// SPDX-License-Identifier: MIT
#pragma once

#include "lab/scenario/expectation.hpp"
#include "lab/scenario/lesson.hpp"
#include "lab/view/narrator.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::lab {

/// The lesson that a run belongs to, for the page.
struct page_lesson {
    std::optional<lesson_text> text = {};
    std::string topic = {};
    std::vector<fact> facts = {};
};

/// Collects a run's packets for one self-contained HTML page: the ladder at true time scale to zoom and click, a packet's
/// header with its bits, five graphs, and the lesson. The page loads nothing from anywhere. apps/lab/page/ has its parts.
class page_data {
public:
    page_data(std::string title, const std::vector<named_fault>& named)
        : title_(std::move(title)), named_(&named), words_(named) {}

    /// In the order packets entered the wire. `bytes` is the packet then, of which the headers are kept; empty where it is
    /// not known. Beyond `packets_max` only a count is kept, and the page says so.
    void add(const event& one, bytes_view bytes = {});

    /// The run as the page's show_run (page/run.js) takes it: a JSON object.
    std::string run_json(const run_report& report, const std::vector<verdict>& verdicts,
                         const page_lesson& lesson = {}) const;

    /// The page, with this run in it. Throws std::system_error when the file cannot be written.
    void write(const std::string& path, const run_report& report, const std::vector<verdict>& verdicts,
               const page_lesson& lesson = {}) const;

    /// A page of so many is 60 MB, and is zoomed at 50 ms a frame at most.
    static constexpr std::size_t packets_max = 100'000;

private:
    std::string title_;
    const std::vector<named_fault>* named_;
    narrator words_;
    std::string packets_;  ///< JSON objects, separated by commas
    std::size_t count_ = 0;
    std::size_t left_out_ = 0;
};

/// What a run showed, in one sentence.
std::string headline(const run_report& report);

/// What a page's script says, by the key that it has there.
struct page_word {
    const char* key;
    const char* text;  ///< in English: N_
};
/// In the reader's language, as a JSON object.
std::string words_json(std::span<const page_word> of);
/// Every word of the page.
std::string page_words();

/// What somebody adds to the page, behind its own; page/run.js says by what hooks.
struct page_more {
    std::string_view style = {};
    std::string_view script = {};
    bool asks_server = false;  ///< it may ask the server that it came from, and nobody else
};

/// The page in the reader's language. `run` is the JSON of a run, or `null`: then it waits for whoever calls show_run.
std::string page_text(std::string_view title, std::string_view run, const page_more& more = {});

/// JSON for the inside of <script>: no tag or comment may begin in a string of it.
std::string for_script(std::string_view text);
/// `text` for the inside of an XML or HTML element or of a quoted attribute: & < > and " as entities.
std::string for_markup(std::string_view text);

}  // namespace aperto::lab

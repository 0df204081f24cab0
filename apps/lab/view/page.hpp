// SPDX-License-Identifier: MIT
#pragma once

#include "lab/scenario/expectation.hpp"
#include "lab/view/narrator.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace aperto::lab {

/// Collects a run's packets for one self-contained HTML page: the ladder as SVG to scroll, zoom and filter, a
/// packet's details on click, a time-sequence graph and a window graph. The page loads nothing from anywhere.
class page_data {
public:
    page_data(std::string title, const std::vector<named_fault>& named)
        : title_(std::move(title)), named_(&named), words_(named) {}

    /// In the order packets entered the wire. Beyond `packets_max` only a count is kept.
    void add(const event& one);

    /// The run as the page's show_run (page/run.js) takes it: a JSON object.
    std::string run_json(const run_report& report, const std::vector<verdict>& verdicts) const;

    /// The page, with this run in it. Throws std::system_error when the file cannot be written.
    void write(const std::string& path, const run_report& report, const std::vector<verdict>& verdicts) const;

    /// A page of more packets than this would not scroll well.
    static constexpr std::size_t packets_max = 20'000;

private:
    std::string title_;
    const std::vector<named_fault>* named_;
    narrator words_;
    std::string packets_;  ///< JSON objects, separated by commas
    std::size_t count_ = 0;
    std::size_t left_out_ = 0;
};

/// What somebody adds to the page, behind its own; page/run.js says by what hooks.
struct page_more {
    std::string_view style = {};
    std::string_view script = {};
    bool asks_server = false;  ///< it may ask the server that it came from, and nobody else
};

/// The page in the reader's language. `run` is the JSON of a run, or `null`: then it waits for whoever calls show_run.
std::string page_text(std::string_view title, std::string_view run, const page_more& more = {});

/// `text` for the inside of an XML or HTML element or of a quoted attribute: & < > and " as entities.
std::string for_markup(std::string_view text);

}  // namespace aperto::lab

// SPDX-License-Identifier: MIT
#pragma once

#include "lab/verdict/expectation.hpp"
#include "lab/view/narrator.hpp"

#include <string>
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

    /// Throws std::system_error when the file cannot be written.
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

/// The page's parts that do not depend on a run.
extern const char* const page_style;
extern const char* const page_body;
extern const char* const page_script;
extern const char* const page_graphs;

}  // namespace aperto::lab

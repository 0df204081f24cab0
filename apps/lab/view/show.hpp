// SPDX-License-Identifier: MIT
// view/: what is seen of a run, on the terminal and in files.
//
//     show                 one run while it goes on: hands each packet to whoever draws or writes it
//     ladder               arrows between the hosts;  narrator  the words beside them;  short_ladder, which
//                          packets say most
//     summary              what a run showed, as text and JSON; of several runs, as JUnit XML
//     json_lines           one packet as a JSON object
//     sockets              the hosts' sockets: where a run was stopped, and the samples
//     page                 the HTML page
//     capture_file         pcapng, for Wireshark
//     output               a descriptor whose reader holds up nobody
#pragma once

#include "lab/scenario/expectation.hpp"
#include "lab/scenario/scenario.hpp"
#include "lab/view/capture_file.hpp"
#include "lab/view/ladder.hpp"
#include "lab/view/output.hpp"
#include "lab/view/page.hpp"
#include "lab/view/short_ladder.hpp"

#include <unistd.h>

#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::lab {

/// Which packets the terminal shows.
enum class ladder_detail {
    automatic,  ///< the first ones, then what is out of the ordinary
    brief,      ///< about twenty, once the run is over
    all,
    none
};

/// What a person wants to see and keep of a run.
struct show_plan {
    ladder_style style;
    ladder_detail detail = ladder_detail::automatic;
    std::string json_path;  ///< empty: none; "-": standard output, and nothing else there
    bool in_words =
        false;  ///< JSON: what the ladder says of each packet too, and last the run as the page takes it
    std::string capture_path;
    capture_view view = capture_view::sent;
    std::string page_path;
    std::string title;
    std::optional<lesson_text> lesson = {};  ///< for the page
    std::string topic = {};                  ///< likewise: what it teaches
    bool folds_checks = false;               ///< what was expected and was seen takes one line together
};

/// Shows one run while it goes on, writes its files, and judges what was expected of it.
class show {
public:
    /// Throws std::system_error when a file cannot be made.
    show(show_plan plan, const run_plan& run, std::vector<expectation> expected,
         const std::vector<question>& asked = {});

    run_watcher watcher();
    /// On standard output, where JSON does not stand; as it is.
    void print(const std::string& text);
    /// Writes the rest of the files and prints the summary. Returns the verdicts.
    std::vector<verdict> finish(const run_report& report);

    /// What the run says to each question; after `finish`.
    const std::vector<fact>& facts() const noexcept { return facts_; }

    /// Whether single packets are wanted, and their bytes.
    static bool wants_events(const show_plan& plan, const std::vector<expectation>& expected);

private:
    void see(const seen_packet& one);
    void draw(const event& one);
    /// Made to fit the terminal; lines that are broken go on behind `indent` blanks.
    void say(const std::string& text, std::size_t indent = 0);
    void print_output(side whose, const std::string& text);
    void hear(side whose, const std::string& line);
    void tell_what_was_cut();
    void write_json(const std::string& object);
    bool has_json() const { return !plan_.json_path.empty(); }
    void print_verdicts(const std::vector<verdict>& verdicts);
    void print_sentences(const std::vector<verdict>& verdicts);
    void draw_brief(const std::vector<verdict>& verdicts);
    void write_end(const run_report& report, const std::vector<verdict>& verdicts);
    void begin(const std::vector<std::string>& missing);

    show_plan plan_;
    const run_plan& run_;
    ladder ladder_;
    std::vector<judge> judges_;
    std::vector<examiner> examiners_;
    std::vector<fact> facts_;
    short_ladder brief_;
    std::string output_kept_;  ///< what programs printed, to follow the brief ladder
    std::optional<capture_file> capture_;
    std::ofstream json_file_;
    output out_{STDOUT_FILENO};
    std::optional<page_data> page_;
    narrator words_;
    struct shown_output {
        std::uint64_t lines = 0;
        std::uint64_t bytes = 0;
        std::uint64_t lines_cut = 0;
        std::uint64_t bytes_cut = 0;
    };
    std::array<shown_output, 2> shown_{};  ///< by `side`
    std::uint64_t drawn_ = 0;
    std::uint64_t folded_ = 0;
};

/// How the hosts' TCP is set, one setting a line, and which settings this kernel does not have.
std::string settings_text(const std::vector<host_setting>& settings, const std::vector<std::string>& missing);

/// Whether a packet is worth a line of its own in a long run.
bool notable(const event& one);

}  // namespace aperto::lab

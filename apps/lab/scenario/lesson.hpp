// SPDX-License-Identifier: MIT
#pragma once

#include "lab/scenario/expectation.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::lab {

/// The four words of the lecture, under which all that TCP does is told.
enum class topic { none, establishment, flow_control, sequence_control, error_control };

/// As the lecture has it, in the reader's language; empty for none.
std::string topic_text(topic one);
/// The topic that a scenario names: establishment, flow, sequence, errors. Throws `bad_input`.
topic parse_topic(std::string_view name);

/// A question of a lesson, by what the run says to it. Its words stand in the lesson's text.
struct question {
    enum class form {
        choice,  ///< a letter: `facts` has a sentence for each, and the right one is the first that holds
        value,   ///< a time, or a number
        packet   ///< the number of the first packet that is counted
    };
    form what = form::value;
    std::vector<expectation> facts;
    double within = 0;  ///< a share of the value by which an answer may miss it

    bool asks_for_time() const;
};

/// A sentence of `expect` without its comparison: what is measured by it. Throws `bad_input`.
expectation parse_figure(const std::string& text);

/// A question's words.
struct question_text {
    std::string text;
    std::vector<std::string> choices;  ///< "a) …"
};

/// What a student reads: before the run what to predict, after it what happened.
struct lesson_text {
    std::string title;
    std::string intro;   ///< what is before the questions
    std::string before;  ///< all of it, the questions too
    std::string after;
    std::vector<question_text> questions;
};

/// The text that goes with a scenario file, in the reader's language where there is one, else in English: for
/// labs/handshake.toml labs/handshake.pt_BR.md or labs/handshake.en.md. Its first line is the title, a line
/// of `---` divides what is read before the run from what is read after it. Questions are the lines that begin with
/// "1. ", "2. " …; a choice stands below its question, behind three blanks: "   a) …".
std::optional<lesson_text> lesson_for(const std::string& scenario_file);

/// The two languages' texts of a lesson as they stand in their files; what a hand-in was asked.
std::string question_words(const std::string& scenario_file);

/// What a run says to a question.
struct fact {
    bool known = false;    ///< the run showed it
    std::string right;     ///< a letter, a time, a number, a packet's number
    double value = 0;      ///< of a time, nanoseconds
    std::string evidence;  ///< the packets and figures that show it
    std::vector<std::uint64_t> packets = {};
};

/// Hears a run for one question.
class examiner {
public:
    explicit examiner(question asked);
    void see(const event& one);
    void hear(side from, const std::string& line);
    fact decide(const run_report& report) const;
    const question& asked() const noexcept { return asked_; }

private:
    question asked_;
    std::vector<judge> judges_;
};

/// An answer as it is kept: "a", "20.5 ms", "14". None where it is no answer to this question.
std::optional<std::string> read_answer(const question& asked, std::string_view text);
/// What an answer must look like, for somebody whose answer was none.
std::string answer_hint(const question& asked);
/// Whether an answer, as `read_answer` gives it, is the right one.
bool is_right(const question& asked, const fact& seen, const std::string& answer);

}  // namespace aperto::lab

// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>
#include <vector>

namespace aperto::cli {

struct command_description;

/// What a command was told: of each of its options the text that holds, by its name without the dashes. It knows which of
/// them may change while the command runs, so that two readings of a configuration can be told apart option by option.
class said {
public:
    /// Has `command` note here whatever is set by it. This outlives its last use, and does not move before that.
    void listen_to(command_description& command);

    /// "idle-timeout 60s → 2m", each; of lists the name alone.
    struct differences {
        std::vector<std::string> taken;  ///< of options that may change
        std::vector<std::string> left;   ///< of those that may not
    };
    differences to(const said& later) const;
    /// Holds what `later` says of options that may change.
    void take(const said& later);

private:
    struct option {
        std::string text;
        bool given = false;
        bool several = false;
        bool renewable = false;
        bool operator==(const option& other) const { return text == other.text; }
    };
    void note(const std::string& name, const std::string& text);
    std::map<std::string, option> options_;
};

}  // namespace aperto::cli

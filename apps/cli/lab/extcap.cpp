// SPDX-License-Identifier: MIT
#include "cli/lab/extcap.hpp"

#include "aperto/descriptor.hpp"
#include "aperto/version.hpp"
#include "cli/failure.hpp"
#include "cli/lab/lab.hpp"
#include "cli/lab/lesson.hpp"
#include "cli/options/command_line.hpp"
#include "cli/serve/serve.hpp"
#include "core/sentence.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace aperto::cli {

namespace {

constexpr std::string_view own = "aperto";
constexpr std::string_view prefix = "aperto-";

/// A value of a line of extcap(4) ends at its brace.
std::string in_braces(std::string text) {
    std::replace(text.begin(), text.end(), '{', '(');
    std::replace(text.begin(), text.end(), '}', ')');
    return text;
}

void print_interface(std::string_view name, const std::string& shown) {
    std::fputs(fmt::format("interface {{value={}}}{{display={}}}\n", name, in_braces(shown)).c_str(), stdout);
}

void list_interfaces() {
    std::fputs(fmt::format("extcap {{version={}}}{{display=aperto lab}}\n", version).c_str(), stdout);
    print_interface(own, _("aperto lab: a server and a client of yours"));
    for (const auto& name : lab::lab_names(lab::labs_folder())) {
        const auto lesson = lab::lesson_for(lab::scenario_path(name));
        print_interface(std::string(prefix) + name, "aperto lab: " + (lesson ? lesson->title : name));
    }
}

/// An option as Wireshark offers it in a window of its own.
struct offered {
    const char* call;
    const char* type;
    const char* shown;  ///< to be translated
    const char* about;
    bool of_own;  ///< of the run with commands of one's own alone
};

constexpr std::array<offered, 11> all_offered{
    {{"--server", "string", N_("Server"), N_("the command to run there; empty: aperto serve"), true},
     {"--client", "string", N_("Client"), N_("the command to run there; empty: aperto send"), true},
     {"--seed", "unsigned", N_("Seed"), N_("number that all chance comes from"), false},
     {"--loss", "string", N_("Loss"), N_("share of packets lost, each by itself: 5%"), false},
     {"--delay", "string", N_("Delay"), N_("time a packet is under way: 20ms"), false},
     {"--rate", "string", N_("Rate"), N_("bits a second: 10mbit"), false},
     {"--queue-packets", "string", N_("Queue"), N_("packets that may wait for the rate: 1000"), false},
     {"--drop", "string", N_("Lose"), N_("one packet by its name: client data#1"), true},
     {"--corrupt", "string", N_("Damage"), N_("one packet by its name: client data#1"), true},
     {"--duplicate", "string", N_("Send twice"), N_("one packet by its name: client data#1"), true},
     {"--virtual", "boolflag", N_("Virtual time"),
      N_("in a Linux of its own: the same seed gives the same packets, all of them at the end"), false}}};

void list_options(bool is_own) {
    int number = 0;
    for (const auto& one : all_offered) {
        if (is_own || !one.of_own) {
            std::fputs(
                fmt::format("arg {{number={}}}{{call={}}}{{display={}}}{{type={}}}{{tooltip={}}}\n", number++,
                            one.call, in_braces(_(one.shown)), one.type, in_braces(_(one.about)))
                    .c_str(),
                stdout);
        }
    }
}

/// As `--pcap` writes them.
void list_link_types() { std::fputs("dlt {number=228}{name=IPV4}{display=IPv4}\n", stdout); }

lab_request read_run(const extcap_request& request) {
    std::vector<std::string> words{"lab"};
    if (request.interface != own) {
        words.insert(words.end(), {"run", "--no-pause"});
    }
    words.insert(words.end(), {"--show", "none", "--pcap", request.pipe});
    words.insert(words.end(), request.words.begin(), request.words.end());
    if (request.interface != own) {
        words.insert(words.end(), {"--", request.interface.substr(prefix.size())});
    }
    return parse_command_line(words).lab;
}

int capture(const extcap_request& request) {
    const auto asked = read_run(request);
    ignore_signals_of_writes();
    // Until the end: whoever reads it takes the first close for the end.
    const descriptor held(::open(request.pipe.c_str(), O_WRONLY | O_CLOEXEC));
    const descriptor nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (!held || !nowhere || ::dup2(nowhere.get(), STDOUT_FILENO) < 0) {
        throw std::system_error(errno, std::system_category(), request.pipe);
    }
    const int code = run_lab(asked);
    const bool ran = code != exit_usage && (code < exit_wire || code > exit_cannot_here);
    return ran ? exit_done : code;
}

}  // namespace

int run_extcap(const extcap_request& request) {
    if (request.lists_interfaces) {
        list_interfaces();
        return exit_done;
    }
    if (!request.filter.empty()) {
        throw usage_error(_("the lab takes no capture filter; a display filter does the same afterwards"));
    }
    if (request.interface != own && !request.interface.starts_with(prefix)) {
        throw usage_error(_("name an interface of  aperto extcap --extcap-interfaces"));
    }
    if (request.lists_link_types) {
        list_link_types();
    } else if (request.lists_options) {
        list_options(request.interface == own);
    } else if (request.captures) {
        if (request.pipe.empty()) {
            throw usage_error(_("--capture needs --fifo"));
        }
        return capture(request);
    }
    return exit_done;
}

}  // namespace aperto::cli

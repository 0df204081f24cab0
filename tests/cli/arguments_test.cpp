// SPDX-License-Identifier: MIT
#include "cli/options/command_line.hpp"
#include "cli/options/description.hpp"
#include "core/log_safe.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace aperto::cli {
namespace {

using namespace std::chrono_literals;
using words = std::vector<std::string>;
using verb = invocation::verb;

/// What is wrong with these arguments; fails where nothing is.
std::string complaint(const words& arguments) {
    try {
        parse_command_line(arguments);
    } catch (const usage_error& wrong) {
        return wrong.what();
    }
    ADD_FAILURE() << "no complaint";
    return {};
}

TEST(arguments, serve_without_any_is_the_lessons_server) {
    const invocation asked = parse_command_line({"serve"});
    EXPECT_EQ(asked.what, verb::serve);
    EXPECT_EQ(asked.serve.what, service::upper);
    EXPECT_EQ(asked.serve.options.port, 9999);
    EXPECT_FALSE(asked.serve.options.once);
}

TEST(arguments, every_option_of_serve_reaches_its_place) {
    const invocation asked = parse_command_line({"serve",
                                                 "echo",
                                                 "--host=::1",
                                                 "--port",
                                                 "0",
                                                 "--framing",
                                                 "line",
                                                 "--once",
                                                 "--workers=3",
                                                 "--engine",
                                                 "epoll",
                                                 "--messages",
                                                 "none",
                                                 "--log",
                                                 "json",
                                                 "--max-connections",
                                                 "7",
                                                 "--max-message",
                                                 "2KiB",
                                                 "--idle-timeout",
                                                 "1m",
                                                 "--message-deadline",
                                                 "2s",
                                                 "--write-deadline",
                                                 "3s",
                                                 "--high-water",
                                                 "4KiB",
                                                 "--drain-deadline",
                                                 "0"});
    const aperto::options& options = asked.serve.options;
    EXPECT_EQ(asked.serve.what, service::echo);
    EXPECT_EQ(options.host, "::1");
    EXPECT_EQ(options.port, 0);
    EXPECT_EQ(asked.serve.framing, framing::line);
    EXPECT_TRUE(options.once);
    EXPECT_EQ(options.workers, 3u);
    EXPECT_EQ(options.engine, engine::epoll);
    EXPECT_EQ(asked.serve.messages, message_detail::none);
    EXPECT_EQ(asked.serve.log, log_format::json);
    EXPECT_EQ(options.max_connections, 7u);
    EXPECT_EQ(options.max_message, 2048u);
    EXPECT_EQ(options.idle_timeout, duration(1min));
    EXPECT_EQ(options.message_deadline, duration(2s));
    EXPECT_EQ(options.write_deadline, duration(3s));
    EXPECT_EQ(options.high_water, 4096u);
    EXPECT_EQ(options.drain_deadline, duration(0s));
}

TEST(arguments, text_to_send_is_left_as_it_is) {
    EXPECT_EQ(parse_command_line({"send", "[1,2]", "++", "serve", "-5", "-"}).send.words,
              (words{"[1,2]", "++", "serve", "-5", "-"}));
    EXPECT_EQ(parse_command_line({"send", "--port", "1", "--", "--port", "-x"}).send.words,
              (words{"--port", "-x"}));
    EXPECT_TRUE(parse_command_line({"send"}).send.words.empty());
    EXPECT_EQ(parse_command_line({"send", ""}).send.words, words{""}) << "an empty message is a message";
}

TEST(arguments, options_of_send) {
    const send_request asked =
        parse_command_line({"send", "--host", "sala-3", "--timeout=200ms", "--retry", "4", "--facts", "x"})
            .send;
    EXPECT_EQ(asked.host, "sala-3");
    EXPECT_EQ(asked.timeout, duration(200ms));
    EXPECT_EQ(asked.retries, 4u);
    EXPECT_TRUE(asked.facts);
}

TEST(arguments, several_hosts_may_answer) {
    const auto where = [](const char* text) {
        const send_request asked = parse_command_line({"send", "--host", text, "--port", "7", "x"}).send;
        std::string all = host_port(asked.host, asked.port).to_string();
        for (const host_port& each : asked.others)
            all += " " + each.to_string();
        return all;
    };
    EXPECT_EQ(where("a"), "a:7");
    EXPECT_EQ(where("a:1,b,[::1]:2,192.0.2.7"), "a:1 b:7 [::1]:2 192.0.2.7:7");
    EXPECT_EQ(where("unix:/run/a,b.sock"), "unix:/run/a,b.sock");
    for (const char* wrong : {"a,", ",a", "a,,b", "a,b:0", "a,b c"})
        EXPECT_NE(complaint({"send", "--host", wrong, "x"}), "") << wrong;
}

TEST(arguments, a_host_may_name_its_port) {
    const auto where = [](words more) {
        more.insert(more.begin(), "send");
        const send_request asked = parse_command_line(more).send;
        return asked.host + " " + std::to_string(asked.port);
    };
    EXPECT_EQ(where({"--host", "localhost:7390", "x"}), "localhost 7390");
    EXPECT_EQ(where({"--host", "[::1]:9999", "--port", "1", "x"}), "::1 9999");
    EXPECT_EQ(where({"--host", "[::1]", "--port", "1", "x"}), "::1 1");
    EXPECT_EQ(where({"--host", "::1", "x"}), "::1 9999");
    EXPECT_EQ(where({"--host", "localhost.", "x"}), "localhost. 9999");
    for (const char* wrong : {"sala-3:soon", "sala 3", "[::1", "sala-3:65536", "\033[2J", "", "a:1:2"})
        EXPECT_EQ(
            complaint({"send", "--host", wrong, "x"}).find("--host takes a name, an address, name:port"), 0u)
            << wrong;
    EXPECT_EQ(complaint({"send", "--host", "a\033[2J", "x"}).find('\033'), std::string::npos);
    EXPECT_EQ(complaint({"send", "--host", "sala-3:0", "x"}),
              "--port takes a whole number from 1 to 65535, not \"0\"");
}

TEST(arguments, a_port_has_a_short_name) {
    EXPECT_EQ(parse_command_line({"send", "-p", "7000", "x"}).send.port, 7000);
    EXPECT_EQ(parse_command_line({"send", "-p7000", "x"}).send.words, words{"x"});
    EXPECT_EQ(parse_command_line({"serve", "-p7000"}).serve.options.port, 7000);
    EXPECT_EQ(complaint({"serve", "-p"}), "--port needs a value: PORT");
    EXPECT_EQ(complaint({"serve", "-port"}), "--port takes a whole number from 0 to 65535, not \"ort\"");
    EXPECT_EQ(complaint({"serve", "-q7000000"}), "there is no option -q7000000");
    EXPECT_NE(parse_command_line({"serve", "--help"}).text.find("-p, --port PORT"), std::string::npos);
}

TEST(arguments, the_last_of_two_wins) {
    EXPECT_EQ(parse_command_line({"send", "--port", "1", "--port", "2", "x"}).send.port, 2);
}

TEST(arguments, a_slip_is_met_with_what_was_meant) {
    EXPECT_EQ(complaint({"sevre"}), "there is no command \"sevre\"; did you mean serve?");
    EXPECT_EQ(complaint({"serve", "--prot", "1"}), "there is no option --prot; did you mean --port?");
    EXPECT_EQ(complaint({"serve", "--zzzzzz"}), "there is no option --zzzzzz");
    EXPECT_EQ(complaint({"send", "-x"}), "there is no option -x; text that begins with a dash goes after --");
}

TEST(arguments, a_value_that_makes_no_sense_is_told_with_what_would) {
    EXPECT_EQ(complaint({"serve", "--port", "99999"}),
              "--port takes a whole number from 0 to 65535, not \"99999\"");
    EXPECT_EQ(complaint({"send", "--port", "0", "x"}),
              "--port takes a whole number from 1 to 65535, not \"0\"");
    EXPECT_EQ(complaint({"serve", "--engine", "kqueue"}),
              "--engine takes one of auto|uring|epoll, not \"kqueue\"");
    EXPECT_EQ(
        complaint({"serve", "--idle-timeout", "soon"}),
        "--idle-timeout takes a time like 200ms, 5s or 2m, from 1us to a century, or never, not \"soon\"");
    EXPECT_EQ(complaint({"serve", "--max-message", "0"}),
              "--max-message takes a size like 4096, 64KiB or 1MiB, from 1 to 8PiB, not \"0\"");
    EXPECT_EQ(complaint({"serve", "--port"}), "--port needs a value: PORT");
    EXPECT_EQ(complaint({"serve", "--once=yes"}), "--once takes no value");
    EXPECT_EQ(complaint({"serve", "shout"}),
              "there is no service \"shout\"; there are upper, echo and discard");
    EXPECT_EQ(complaint({"serve", "echo", "upper"}), "\"upper\" is one argument too many");
    EXPECT_EQ(complaint({"demo", "x"}), "\"x\" is one argument too many");
}

/// A value that the option takes, so that no other is needed to see which do not.
bool takes_numbers(const option_description& option) {
    const auto kinds = {"N", "PORT", "PID", "SIZE", "TIME"};
    return std::find(kinds.begin(), kinds.end(), option.value) != kinds.end();
}

// Whatever a number's option is given, in whichever command: it is taken or refused with the option's name,
// the value and what would be taken, and none is read as another number.
TEST(arguments, what_is_no_number_in_range_is_refused_by_every_option_that_takes_one) {
    const words senseless{"",
                          "-1",
                          "-0.5",
                          "+1",
                          " 1",
                          "1 ",
                          "1e9",
                          "1e-300",
                          "nan",
                          "-nan",
                          "inf",
                          "0x10",
                          "1,000",
                          "1_0",
                          "1..",
                          "--",
                          "many",
                          "\xEF\xBC\x91",
                          "99999999999999999999999999999999",
                          "1e10",
                          "-99999999999999999999"};
    invocation asked;
    std::size_t options = 0;
    for (const command_description& command : describe_commands(asked)) {
        for (const option_description& option : command.options) {
            if (!takes_numbers(option)) continue;
            ++options;
            for (const std::string& value : senseless) {
                const std::string said = complaint({command.name, option.name + "=" + value});
                EXPECT_EQ(said.find(option.name + " takes "), 0U) << said;
                EXPECT_NE(said.find(", not \"" + log_safe(value) + "\""), std::string::npos) << said;
                EXPECT_TRUE(said.find(" from ") != std::string::npos) << said;
            }
        }
    }
    EXPECT_GE(options, 30U);
}

TEST(arguments, the_numbers_of_a_load_have_ends) {
    EXPECT_EQ(complaint({"bench", "--idle", "-1"}),
              "--idle takes a whole number from 0 to 1000000, not \"-1\"");
    EXPECT_EQ(complaint({"bench", "--rate", "1e10"}),
              "--rate takes a number from 0.001 to 10000000, not \"1e10\"");
    EXPECT_EQ(complaint({"bench", "--size", "2000GiB"}),
              "--size takes a size like 4096, 64KiB or 1MiB, from 1 to 1TiB, not \"2000GiB\"");
    EXPECT_EQ(complaint({"bench", "--duration", "never"}),
              "--duration takes a time like 200ms, 5s or 2m, from 1ms to 1000h, not \"never\"");
    const bench_request least = parse_command_line({"bench", "--rate", "0.001", "--warm-up", "0"}).bench;
    EXPECT_EQ(least.plan.rate, 0.001);
    EXPECT_EQ(least.plan.warm_up, duration(0s));
    EXPECT_EQ(parse_command_line({"bench", "--rate", "10000000"}).bench.plan.rate, 1e7);
}

TEST(arguments, what_was_typed_does_not_drive_the_terminal) {
    EXPECT_EQ(complaint({"\033[2J"}), "there is no command \"\\x1B[2J\"");
}

TEST(arguments, help_comes_before_complaints_that_follow_it) {
    EXPECT_EQ(parse_command_line({"serve", "--help", "--bogus"}).what, verb::print);
    EXPECT_NE(parse_command_line({"serve", "-h"}).text.find("Usage: aperto serve"), std::string::npos);
    EXPECT_NE(parse_command_line({}).text.find("serve"), std::string::npos);
    EXPECT_EQ(parse_command_line({"--version"}).text, "aperto 0.1.0\n");
}

TEST(arguments, every_option_of_every_command_is_in_its_help_and_in_each_completion) {
    for (const char* command : {"serve", "send", "bench", "lab"}) {
        const std::string help = parse_command_line({command, "--help"}).text;
        for (const char* shell : {"bash", "zsh", "fish", "man"}) {
            const std::string text = parse_command_line({"completion", shell}).text;
            for (std::size_t at = help.find("  --"); at != std::string::npos;
                 at = help.find("  --", at + 1)) {
                const std::string name = help.substr(at + 4, help.find_first_of(" ,\n", at + 4) - at - 4);
                std::string looked_for = std::string(shell) == "fish" ? "-l " + name : "--" + name;
                if (std::string(shell) == "man") {
                    if (name == "lang") continue;
                    looked_for = "\\-\\-" + name.substr(0, name.find('-'));
                }
                EXPECT_NE(text.find(looked_for), std::string::npos)
                    << command << " " << shell << " " << looked_for;
            }
        }
    }
}

TEST(arguments, a_lab_without_a_command_runs_a_server_and_a_client) {
    const lab_request asked =
        parse_command_line({"lab", "--server", "peer serve", "--client=peer call", "--drop", "client data#1",
                            "--hold", "server data#2", "50ms", "--loss", "client:5%", "--seed", "7",
                            "--timeout", "2m", "--rto-min", "30ms", "--ipv6", "--no-color"})
            .lab;
    EXPECT_EQ(asked.what, lab_request::verb::once);
    EXPECT_EQ(asked.plan.server_program.text, "peer serve");
    EXPECT_EQ(asked.plan.client_program.text, "peer call");
    EXPECT_EQ(asked.plan.wire.named.size(), 2U);
    EXPECT_EQ(asked.plan.wire.link.base[0].loss, 0.05);
    EXPECT_EQ(asked.plan.wire.link.base[1].loss, 0);
    EXPECT_EQ(asked.seed, 7U);
    EXPECT_EQ(asked.timeout, lab::duration(2min));
    for (const lab::host_plan& host : {asked.plan.client, asked.plan.server}) {
        EXPECT_TRUE(host.v6);
        EXPECT_EQ(host.rto_min, lab::duration(30ms));
    }
    EXPECT_TRUE(asked.no_colour);
}

TEST(arguments, a_lab_has_commands_of_its_own) {
    const lab_request asked =
        parse_command_line({"lab", "--seed", "3", "run", "handshake", "--junit", "j.xml", "loss"}).lab;
    EXPECT_EQ(asked.what, lab_request::verb::run);
    EXPECT_EQ(asked.names, (words{"handshake", "loss"}));
    EXPECT_EQ(asked.junit_path, "j.xml");
    EXPECT_EQ(asked.seed, 3U);
    EXPECT_EQ(parse_command_line({"lab", "doctor"}).lab.what, lab_request::verb::doctor);
    const lab_request peer = parse_command_line({"lab", "peer", "serve", "--upper", "--help"}).lab;
    EXPECT_EQ(peer.what, lab_request::verb::peer);
    EXPECT_EQ(peer.names, (words{"serve", "--upper", "--help"})) << "as they stand";
    EXPECT_NE(parse_command_line({"lab", "run", "--help"}).text.find("Usage: aperto lab run LAB…"),
              std::string::npos);
}

TEST(arguments, a_slip_in_a_lab_is_met_in_the_same_words) {
    EXPECT_EQ(complaint({"lab", "doctr"}), "there is no command \"doctr\"; did you mean doctor?");
    EXPECT_EQ(complaint({"lab", "list", "x"}), "\"x\" is one argument too many");
    EXPECT_EQ(complaint({"lab", "list", "--json", "x"}), "there is no option --json");
    EXPECT_EQ(complaint({"lab", "--drop", "client data#1", "run", "handshake"}), "there is no option --drop")
        << "it would be left out";
    EXPECT_EQ(complaint({"lab", "--hold", "client data#1"}), "--hold needs two values: PACKET TIME");
    EXPECT_EQ(complaint({"lab", "--show", "some"}), "--show takes one of auto|brief|all|none, not \"some\"");
    EXPECT_EQ(complaint({"lab", "--timeout", "25h"}),
              "--timeout takes a time like 200ms, 5s or 2m, from 0s to 24h, not \"25h\"");
}

TEST(arguments, what_is_right_beside_a_mistake_is_known) {
    invocation asked;
    EXPECT_THROW(parse_command_line({"lab", "run", "--frobnicate", "--json", "run.jsonl"}, asked),
                 usage_error);
    EXPECT_EQ(asked.what, verb::lab);
    EXPECT_EQ(asked.lab.show.json_path, "run.jsonl") << "an older run's result in it can be emptied";
}

}  // namespace
}  // namespace aperto::cli

// SPDX-License-Identifier: MIT
#include "lab/virtual/digest.hpp"

#include "core/sentence.hpp"
#include "lab/hosts/program.hpp"
#include "lab/virtual/sha256.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>

namespace aperto::lab {

namespace fs = std::filesystem;

namespace {

using json = nlohmann::ordered_json;

/// The line at the front of `text`, which it is taken off.
std::string_view take_line(std::string_view& text) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

}  // namespace

std::string digest::line() const {
    json out{{"event", "virtual"},   {"seed", seed},
             {"kernel", kernel},     {"kernel_version", kernel_version},
             {"programs", programs}, {"arguments", arguments},
             {"folder", folder},     {"result", result}};
    return out.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::optional<digest> digest::take_from(std::string& report) {
    if (report.size() < 2) {
        return std::nullopt;
    }
    const auto before = report.rfind('\n', report.size() - 2);
    const auto start = before == std::string::npos ? 0 : before + 1;
    const auto read = json::parse(report.substr(start), nullptr, false);
    if (!read.is_object() || read.value("event", "") != "virtual") {
        return std::nullopt;
    }
    try {
        digest out;
        read.at("seed").get_to(out.seed);
        read.at("kernel").get_to(out.kernel);
        read.at("kernel_version").get_to(out.kernel_version);
        read.at("programs").get_to(out.programs);
        read.at("arguments").get_to(out.arguments);
        read.at("folder").get_to(out.folder);
        read.at("result").get_to(out.result);
        report.erase(start);
        return out;
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

std::string result_hash(std::string_view events) { return sha256::of(events); }

std::map<std::string, std::string> hash_programs(const std::vector<std::string>& programs) {
    std::map<std::string, std::string> out;
    auto all = programs;
    all.emplace_back("/proc/self/exe");
    for (const auto& name : all) {
        std::error_code failed;
        const auto path = fs::canonical(path_of_program(name), failed).string();
        if (!path.empty() && out.count(path) == 0) {
            out[path] = sha256::of_file(path);
        }
    }
    return out;
}

std::vector<std::string> what_changed(const digest& was, const std::string& kernel,
                                      const std::map<std::string, std::string>& programs) {
    std::vector<std::string> out;
    if (was.kernel != kernel) {
        out.emplace_back(_("the kernel is another one than then"));
    }
    for (const auto& [path, hash] : was.programs) {
        const auto now = programs.find(path);
        if (now == programs.end() || now->second != hash) {
            out.push_back(sentence(_("{} is another program than then"), path));
        }
    }
    return out;
}

bool is_named_by(std::string_view path, std::string_view name) {
    const auto place = name.find("{}");
    if (place == std::string_view::npos) {
        return path == name;
    }
    const auto before = name.substr(0, place);
    const auto after = name.substr(place + 2);
    return path.size() >= before.size() + after.size() && path.starts_with(before) && path.ends_with(after);
}

difference first_difference(std::string_view then, std::string_view now) {
    difference out{0, {}, {}};
    while (!then.empty() || !now.empty()) {
        ++out.number;
        out.then = take_line(then);
        out.now = take_line(now);
        if (out.then != out.now) {
            break;
        }
    }
    return out;
}

std::size_t count_lines(std::string_view text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace aperto::lab

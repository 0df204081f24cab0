// SPDX-License-Identifier: MIT
#include "cli/journal/journal.hpp"

#include "cli/failure.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <memory>

namespace aperto::cli {

namespace {

/// One of the files of a journal.
struct part {
    std::string file;
    std::unique_ptr<journal_reader> reader;
    journal_verdict found{};  ///< where it was verified
};

bool is_asked_for(const journal_request& request, const journal_entry& entry) {
    if (!request.containing.empty() && entry.message.find(request.containing) == std::string::npos)
        return false;
    if (request.peers.empty()) return true;
    try {
        return any_contains(request.peers, endpoint::parse(entry.peer));
    } catch (const error&) {
        return false;  // a client without an IP address
    }
}

void show(const journal_request& request, const journal_entry& entry) {
    const std::string line = request.json ? entry_json(entry) : entry_text(entry);
    std::printf("%s\n", line.c_str());
}

void list_all(const journal_request& request, const std::vector<part>& parts) {
    for (const part& each : parts)
        each.reader->read(request.since, request.until, journal_reader::order::oldest_first,
                          [&request](const journal_entry& entry) {
                              if (is_asked_for(request, entry)) show(request, entry);
                              return std::ferror(stdout) == 0;
                          });
}

void list_last(const journal_request& request, const std::vector<part>& parts) {
    std::deque<journal_entry> kept;
    for (auto each = parts.rbegin(); each != parts.rend() && kept.size() < request.last; ++each)
        each->reader->read(request.since, request.until, journal_reader::order::newest_first,
                           [&](const journal_entry& entry) {
                               if (is_asked_for(request, entry)) kept.push_front(entry);
                               return kept.size() < request.last;
                           });
    for (const journal_entry& each : kept)
        show(request, each);
}

int verify(std::vector<part>& parts) {
    bool whole = true;
    const part* before = nullptr;
    for (part& each : parts) {
        each.found = each.reader->verify();
        const journal_verdict& found = each.found;
        std::vector<std::string> problems = found.problems;
        if (before && found.first != before->found.last + 1)
            problems.push_back("it begins with message " + std::to_string(found.first) + ", and " +
                               before->file + " ends with " + std::to_string(before->found.last));
        if (problems.empty())
            std::printf("%s\n", counted("{1}: whole, {0} message, from {2} to {3}",
                                        "{1}: whole, {0} messages, from {2} to {3}", found.messages,
                                        log_safe(each.file), found.first, found.last)
                                    .c_str());
        for (const std::string& problem : problems)
            std::printf("%s\n", fmt::format("{}: {}", log_safe(each.file), log_safe(problem)).c_str());
        whole = whole && problems.empty();
        before = &each;
    }
    return whole ? exit_done : exit_failed;
}

/// In the order of their messages.
std::vector<part> open_all(const std::vector<std::string>& files) {
    std::vector<part> parts;
    for (const std::string& file : files)
        parts.push_back({file, std::make_unique<journal_reader>(file), {}});
    std::sort(parts.begin(), parts.end(),
              [](const part& a, const part& b) { return a.reader->first() < b.reader->first(); });
    return parts;
}

}  // namespace

int run_journal(const journal_request& request) {
    std::string at = request.files.front();
    try {
        std::vector<part> parts = open_all(request.files);
        if (request.verify) return verify(parts);
        if (request.last == std::numeric_limits<std::uint64_t>::max())
            list_all(request, parts);
        else
            list_last(request, parts);
    } catch (const error& cause) {
        return tell(explain_journal(cause, cause.whom().empty() ? at : cause.whom()));
    }
    return exit_done;
}

}  // namespace aperto::cli

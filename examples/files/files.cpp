// SPDX-License-Identifier: MIT
// aperto-files serve FOLDER, aperto-files put SOURCE… HOST[:PORT][/PATH], aperto-files get HOST[:PORT]/PATH… FOLDER.
#include "client.hpp"

#include <aperto/tls.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace {

using namespace files;
namespace fs = std::filesystem;

constexpr const char* usage =
    "usage: aperto-files serve [--host ADDRESS] [--port PORT] [--read-only] [--keys FOLDER] FOLDER\n"
    "       aperto-files put SOURCE... HOST[:PORT][/PATH]\n"
    "       aperto-files get HOST[:PORT]/PATH... FOLDER\n"
    "put and get: [--pin PIN] [--known FILE] [--jobs N] [--patience SECONDS]; all: [--plain] [--engine "
    "auto|uring|epoll]\n"
    "See aperto-files(1).\n";
constexpr std::uint16_t usual_port = 9997;

struct command {
    std::vector<std::string> words{};
    std::map<std::string, std::string> options{};

    std::string option(const std::string& name, const std::string& otherwise) const {
        const auto found = options.find(name);
        return found == options.end() ? otherwise : found->second;
    }
    bool has(const std::string& name) const { return options.count(name) > 0; }
    unsigned number(const std::string& name, unsigned otherwise) const {
        const std::string given = option(name, std::to_string(otherwise));
        return number_in<unsigned>({given}, 0);
    }
    aperto::engine engine() const {
        const std::string name = option("--engine", "auto");
        return name == "epoll"   ? aperto::engine::epoll
               : name == "uring" ? aperto::engine::uring
                                 : aperto::engine::automatic;
    }
};
bool parse(int count, char** words, command& out) {
    const text with_value = " --host --port --keys --pin --known --jobs --patience --engine ";
    for (int at = 1; at < count; ++at) {
        const std::string word = words[at];
        if (!word.starts_with("--"))
            out.words.push_back(word);
        else if (with_value.find(" " + word + " ") != text::npos && at + 1 < count)
            out.options[word] = words[++at];
        else if (word == "--plain" || word == "--read-only")
            out.options[word] = "";
        else
            return false;
    }
    return out.words.size() >= 2;
}
fs::path own_folder() {
    const char* const chosen = std::getenv("XDG_CONFIG_HOME");
    const char* const home = std::getenv("HOME");
    return (chosen && *chosen ? fs::path(chosen) : fs::path(home ? home : ".") / ".config") / "aperto-files";
}
void warn_of_plain() {
    std::fputs("WARNING: --plain: no TLS. Anybody on the way reads what is transferred, and can change it.\n",
               stderr);
}

// [pair]
/// The server's pair of certificate and key, made at the first start. Clients know it by its fingerprint, the pin.
std::shared_ptr<aperto::tls::context> own_pair(const fs::path& folder) {
    const fs::path certificate = folder / "cert.pem", key = folder / "key.pem";
    if (!fs::exists(certificate)) {
        constexpr unsigned days = 36'500;
        fs::create_directories(folder);
        fs::permissions(folder, fs::perms::owner_all);
        const auto made = aperto::tls::make_authority(folder, {"aperto-files"}, days);
        fs::remove(made.authority_key);  // nobody needs an authority: the pair itself is what is known
        fs::remove(made.authority);
    }
    std::fprintf(stderr, "pin: %s\n", aperto::tls::fingerprint(certificate).c_str());
    return aperto::tls::server({.certificate = certificate, .key = key});
}
// [/pair]

int serve_folder(const command& said) {
    if (said.words.size() != 2) return std::fputs(usage, stderr), 2;
    const std::string& folder = said.words[1];
    const descriptor root(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) return std::perror(folder.c_str()), 1;
    const shared_folder here{root.get(), said.has("--read-only")};
    aperto::options options{.host = said.option("--host", ""),
                            .port = static_cast<std::uint16_t>(said.number("--port", usual_port)),
                            .engine = said.engine(),
                            .framing = aperto::framing::length,
                            .max_message = 16 * 1024,
                            .idle_timeout = 30s};
    if (said.has("--plain"))
        warn_of_plain();
    else
        options.transport = own_pair(said.option("--keys", own_folder()));
    std::fprintf(stderr, "serving %s on port %u. Whoever reaches it may read%s.\n", folder.c_str(),
                 options.port, here.read_only ? "" : " and write there");
    return aperto::serve(options, [here](aperto::stream peer) { return serve(std::move(peer), here); });
}

// [trust]
/// Whom to believe: the pin that was given, else the one that was there the first time, kept in a file.
trust trust_of(const command& said, const aperto::host_port& where) {
    if (said.has("--plain")) return [](aperto::stream&) {};
    auto pin = std::make_shared<std::string>(said.option("--pin", ""));
    const fs::path known = said.option("--known", own_folder() / "known");
    if (pin->empty()) {
        std::ifstream in(known);
        for (std::string host, its; in >> host >> its;)
            if (host == where.to_string()) *pin = its;
    }
    return [pin, known, name = where.to_string()](aperto::stream& peer) {
        const auto facts = peer.transport();
        const std::string shown_pin = facts ? facts->peer_fingerprint : "";
        if (shown_pin.size() == 64 && shown_pin == *pin) return;
        if (!pin->empty() || shown_pin.size() != 64)
            throw refusal("ANOTHER SERVER ANSWERS at " + name + ": its pin is " + shown_pin + ", not " +
                          *pin);
        std::fprintf(stderr,
                     "FIRST TIME at %s: its pin is %s. Compare it with what the server said when it started; "
                     "it is kept in "
                     "%s, and believed from now on.\n",
                     name.c_str(), shown_pin.c_str(), known.c_str());
        *pin = shown_pin;
        if (known.has_parent_path()) fs::create_directories(known.parent_path());
        if (!(std::ofstream(known, std::ios::app) << name << ' ' << shown_pin << std::endl))
            throw refusal("cannot write " + known.string());
    };
}
// [/trust]

/// "host:port/path" in two.
std::pair<aperto::host_port, std::string> remote(const std::string& word) {
    const std::size_t slash = word.find('/');
    std::string path = slash == std::string::npos ? "" : word.substr(slash + 1);
    while (path.ends_with('/'))
        path.pop_back();
    return {aperto::host_port::parse(word.substr(0, slash), usual_port), path};
}
std::string last_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

aperto::task<> list_all(job& all, std::vector<std::string> paths) {
    all.begin();
    for (const std::string& each : paths) {
        co_await all.list(each, last_of(each));
    }
    co_await all.run();
}

int transfer(const command& said) {
    if (said.words.size() < 3) return std::fputs(usage, stderr), 2;
    const bool gets = said.words[0] == "get";
    const std::vector<std::string> first(said.words.begin() + 1, said.words.end() - 1);
    const std::string& last = said.words.back();
    const auto [where, path] = remote(gets ? first[0] : last);
    job all;
    all.where = where;
    all.lanes = std::clamp(said.number("--jobs", 8), 1U, 256U);
    all.patience = std::chrono::seconds(said.number("--patience", 120));
    all.is_terminal = ::isatty(STDERR_FILENO) != 0;
    all.check = trust_of(said, where);
    all.options.stream.framing = aperto::framing::length;
    all.options.stream.max_message = 16 * 1024;
    all.options.stream.idle_timeout = 15s;
    all.options.stream.write_deadline = 15s;
    if (said.has("--plain"))
        warn_of_plain();
    else  // who it is, `check` says
        all.options.stream.transport = aperto::tls::client({.insecure = true});
    const auto loop = aperto::loop::create({.which = said.engine()});
    std::vector<descriptor> open;
    if (gets) {
        std::vector<std::string> paths;
        for (const std::string& each : first) {
            if (remote(each).first.to_string() != where.to_string())
                throw refusal("one host at a time, please: " + each);
            paths.push_back(remote(each).second);
        }
        fs::create_directories(last);
        open.emplace_back(::open(last.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!open.back()) throw refusal::of_errno(last);
        all.into = open.back().get();
        loop->run(list_all(all, paths));
    } else {
        for (const std::string& each : first) {
            const fs::path source = fs::canonical(each);  // a link that is named here is followed, none below
            if (!source.has_filename()) throw refusal("it has no name: " + each);
            open.emplace_back(::open(source.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
            if (!open.back()) throw refusal::of_errno(each);
            const std::string name = source.filename();
            all.add_source(open.back().get(), name, path.empty() ? name : path + "/" + name);
        }
        loop->run(all.run());
    }
    return all.failures == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** words) try {
    command said;
    if (!parse(count, words, said)) return std::fputs(usage, stderr), 2;
    if (said.words[0] == "serve") return serve_folder(said);
    if (said.words[0] == "put" || said.words[0] == "get") return transfer(said);
    return std::fputs(usage, stderr), 2;
} catch (const std::exception& wrong) {
    return std::fprintf(stderr, "aperto-files: %s\n", shown(wrong.what()).c_str()), 1;
}

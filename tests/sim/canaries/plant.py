# SPDX-License-Identifier: MIT
"""Plants bugs in copies of the sources, to see whether the simulation finds them.

    plant.py SOURCE_DIR OUTPUT_DIR     writes the copies; prints their names
    plant.py --list                    prints the number and the name of each bug
    plant.py --files                   prints the sources that are copied

A header that gets one is copied to OUTPUT_DIR/src, to be found there before the original; whoever looks a socket up by
it is copied too, as it is (USERS).

Each bug is a piece of the source and what it is replaced by; in the copy it is there only where the program says so at
run time (`aperto_canary`), so that one build holds them all. The sources themselves know nothing of it. A piece that is
not found exactly once is an error: the bug has to be planted anew.
"""

import re
import sys
from pathlib import Path

CONNECTION = "src/net/connection.cpp"
READING = "src/net/connection_reading.cpp"
WRITING = "src/net/connection_writing.cpp"
SLOTS = "src/io/slot_table.hpp"
URING = "src/io/uring_loop.cpp"
TURN = "src/io/uring_completions.cpp"
ARRIVALS = "src/io/uring_arrivals.cpp"
EPOLL = "src/io/epoll_loop.cpp"
EPOLL_CALLS = "src/io/epoll_operations.cpp"
USERS = {SLOTS: (URING, TURN, EPOLL, EPOLL_CALLS, "src/sim/program.cpp")}

# name, file, then right and wrong, perhaps in several places: C stands for "this canary is on"
CANARIES = [
    ("off by one at a buffer's end", READING,
     "        kept_->append(bytes.data, bytes.size);",
     "        kept_->append(bytes.data, bytes.size - (C && bytes.size > 1 ? 1 : 0));"),
    ("a send of which a part was taken is not started again", WRITING,
     "    if (outbox_->pending() > 0 && is_held_back()) return;\n    pump();",
     "    if (outbox_->pending() > 0 && is_held_back()) return;\n    if (!C) pump();"),
    ("the message deadline counts from the last byte", READING,
     "time_after(message_began_, limits.message_deadline)",
     "time_after(C ? loop_->now() : message_began_, limits.message_deadline)"),
    ("a close does not read what is on its way", CONNECTION,
     "    while (!failed && !ended_ && received_ < read_max) {",
     "    while (!C && !failed && !ended_ && received_ < read_max) {"),
    ("the end of the stream is not announced", WRITING,
     "loop_->shutdown_send(socket_);",
     "C ? 0 : loop_->shutdown_send(socket_);"),
    ("after a short send a byte is sent twice", "src/net/outbox.cpp",
     "    offset_ += buffered;",
     "    offset_ += buffered - (C && buffered > 1 && offset_ + buffered < sending_.size() ? 1 : 0);"),
    ("the last byte of a frame is taken for the next one's first", "src/net/framing.cpp",
     "    found.consumed = length_header_size + static_cast<std::size_t>(size);",
     "    found.consumed = length_header_size + static_cast<std::size_t>(size) - (C && size > 1 ? 1 : 0);"),
    ("accepting ends for good when the system has no files left", "src/server/accepting.cpp",
     "    return code == std::errc::bad_file_descriptor || ",
     "    return (C && code == std::errc::too_many_files_open_in_system) || code == std::errc::bad_file_descriptor || "),
    ("timers far ahead are forgotten", "src/core/timer_wheel.cpp",
     "    wheels_[level].occupied |= std::uint64_t{1} << slot;",
     "    wheels_[level].occupied |= std::uint64_t{C && level > 1 ? 0U : 1U} << slot;"),
    ("the hard end of a drain is forgotten", "src/server/drain.cpp",
     "    scope.cancel();\n    for",
     "    if (!C) scope.cancel();\n    for"),
    ("a buffer goes back before it is read", READING,
     "moved->assign(rest);\n            drop_received();",
     "if (C) loop_->give_back(std::exchange(lent_, {}));\n"
     "            moved->assign(rest);\n            drop_received();"),
    ("nobody is told that the last conversation has ended", "src/server/worker.cpp",
     "    if (--conversation_count_ == 0) empty_.notify_all();",
     "    if (--conversation_count_ == 0 && !C) empty_.notify_all();"),
    ("a stream given up in the middle ends as if it were whole", CONNECTION,
     "    reset = reset || write_failure_;",
     "    reset = reset || (!C && write_failure_);"),
    ("a write larger than the high-water mark waits for ever", WRITING,
     "    return pending() == 0 || ",
     "    return (!C && pending() == 0) || "),
    ("a reader takes a broken connection, of which the writer heard, for its end", READING,
     "    const bool unheard = result == 0 && ",
     "    const bool unheard = !C && result == 0 && "),
    ("a socket's generation is not checked: what comes late reaches the next one in its slot", SLOTS,
     "there.in_use && there.generation == which.generation",
     "there.in_use && (C || there.generation == which.generation)"),
    # ---- the engine on io_uring
    ("it looks for a reset past bytes whose completions stand in the queue", TURN,
     "|| !ring_->is_drained()) return false;",
     "|| (!C && !ring_->is_drained())) return false;",
     "    while (arrived_count_ < arrived_.size()) {",
     "    while (arrived_count_ < (C ? 2 : arrived_.size())) {",
     "        const std::size_t more = ring_->take(std::span(arrived_).subspan(arrived_count_));",
     "        const std::size_t more = ring_->take(std::span(arrived_).subspan(arrived_count_, C ? 1 : arrived_.size() - arrived_count_));"),
    ("it does not look for a reset that a receive did not tell", TURN,
     "    if (unchecked_.empty() ||",
     "    if (C || unchecked_.empty() ||"),
    ("a receive goes on for a reader who has gone", TURN,
     "        if (at && !at->reader && !at->is_polling()) end_incoming(each, *at);",
     "        if (!C && at && !at->reader && !at->is_polling()) end_incoming(each, *at);"),
    ("what comes late or twice is taken for the new one's", TURN,
     "at->incoming == watch::none || at->incoming_number != number)",
     "at->incoming == watch::none || (!C && at->incoming_number != number))"),
    ("a receive that found no buffer is not armed again", TURN,
     "        if (at.incoming == watch::none) arm_receive(next.socket, at);",
     "        if (at.incoming == watch::none && !C) arm_receive(next.socket, at);"),
    ("a buffer that came after the end is not given back", TURN,
     "    if (at.now != stage::open || !bytes) {\n        give_back(bytes);",
     "    if (at.now != stage::open || !bytes) {\n        if (!C) give_back(bytes);"),
    ("a refused cancel is not asked for again", TURN,
     "    if (!at.goes_on()) return;",
     "    if (C || !at.goes_on()) return;"),
    ("the length that caps a receive is blamed once for all that have it", TURN,
     "    if (result == -EINVAL && at.capped) {",
     "    if (result == -EINVAL && (C ? capped_ : at.capped)) {"),
    ("a reset that only a send was told is taken for the end", TURN,
     "    if (result != 0 || !(at.cut || at.sending)) return result;",
     "    if (C || result != 0 || !(at.cut || at.sending)) return result;"),
    ("large messages that arrive before their reader lose their rest", ARRIVALS,
     "    return {memory, lent.size, copied_buffer};",
     "    return {memory, C && lent.size > 200 ? 200U : lent.size, copied_buffer};"),
    ("the kernel reads the parts of a send after they are gone", TURN,
     "    if (!spilled_.empty() || ring_->not_submitted() > 0) return;",
     "    if (C)\n        for (msghdr& each : headers_)\n            each.msg_iov = nullptr;\n"
     "    if (!spilled_.empty() || ring_->not_submitted() > 0) return;"),
    ("a closed listener keeps its port until the kernel is entered again", URING,
     "            ring_->run_task_work();",
     "            if (!C) ring_->run_task_work();"),
    ("a cancelled accept waits on", URING,
     "        abandon_pending(waiting);\n        complete_later(waiting, -ECANCELED);",
     "        if (C && at.is == role::listener) return;\n"
     "        abandon_pending(waiting);\n        complete_later(waiting, -ECANCELED);"),
    ("a send that is given up is read on", URING,
     "    if (!withdraw(in_flight)) ring_->cancel_now(in_flight);",
     "    if (!withdraw(in_flight) && !C) ring_->cancel_now(in_flight);"),
    # ---- the engine on epoll
    ("an end behind bytes is not looked for", EPOLL,
     "    if (events & more_than_data) socket->distrust_short_reads = true;",
     "    if (!C && (events & more_than_data)) socket->distrust_short_reads = true;"),
    ("a full socket's room is not watched for", EPOLL,
     "    const bool all = out || socket.registered_out;",
     "    const bool all = (out && !C) || socket.registered_out;"),
    ("a listener is thought to be empty after each accept", EPOLL_CALLS,
     "    if (descriptor >= 0) {\n        sockets_.find(id)->descriptor = descriptor;",
     "    if (descriptor >= 0) {\n        if (C) listener.readable = false;\n"
     "        sockets_.find(id)->descriptor = descriptor;"),
]


def copied():
    """The sources, in order, that are copied."""
    files = list(dict.fromkeys(file for _, file, *_ in CANARIES))
    return files + [user for file in files for user in USERS.get(file, ()) if user not in files]


def planted(source, output):
    texts = {file: (source / file).read_text() for file in copied()}
    for number, (name, file, *places) in enumerate(CANARIES, start=1):
        for right, wrong in zip(places[::2], places[1::2]):
            text = texts[file]
            if text.count(right) != 1:
                sys.exit(f"{file}: the place of canary {number}, {name!r}, is there {text.count(right)} times:\n{right}")
            texts[file] = text.replace(right, re.sub(r"\bC\b", f"is_planted({number})", wrong))
    for file, text in texts.items():
        first, rest = text.split("\n", 1)
        place = output / (file if file.endswith(".hpp") else file.replace("/", "_"))
        place.parent.mkdir(parents=True, exist_ok=True)
        new = (f'{first}\nextern "C" unsigned aperto_canary;\n'
               f"#ifndef APERTO_PLANTED\n#define APERTO_PLANTED\n"
               f"[[maybe_unused]] static inline bool is_planted(unsigned canary) noexcept {{ return aperto_canary == canary; }}\n#endif\n{rest}")
        if not place.exists() or place.read_text() != new:
            place.write_text(new)


def main():
    if sys.argv[1:] == ["--list"]:
        for number, (name, *_) in enumerate(CANARIES, start=1):
            print(number, name)
    elif sys.argv[1:] == ["--files"]:
        print("\n".join(copied()))
    elif len(sys.argv) == 3:
        planted(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()

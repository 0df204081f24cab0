// SPDX-License-Identifier: MIT
#pragma once

/// Everything of aperto: servers, clients and what they stand on.

#include "aperto/broadcast.hpp"
#include "aperto/choice.hpp"
#include "aperto/cidr.hpp"
#include "aperto/client.hpp"
#include "aperto/endpoint.hpp"
#include "aperto/error.hpp"
#include "aperto/event.hpp"
#include "aperto/events.hpp"
#include "aperto/framing.hpp"
#include "aperto/group.hpp"
#include "aperto/limits.hpp"
#include "aperto/listener.hpp"
#include "aperto/loop.hpp"
#include "aperto/loop_handle.hpp"
#include "aperto/queue.hpp"
#include "aperto/resolve.hpp"
#include "aperto/semaphore.hpp"
#include "aperto/server.hpp"
#include "aperto/stream.hpp"
#include "aperto/task.hpp"
#include "aperto/tcp_facts.hpp"
#include "aperto/text.hpp"
#include "aperto/time.hpp"
#include "aperto/version.hpp"

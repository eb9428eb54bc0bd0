#include "http/endpoints.h"
#include "http/router.h"

namespace quern::http {

std::span<const Route> all_routes() {
  using enum Method;
  // Endpoints are constants of other files: copied at the first call, when all of them are there.
  static const Route routes[] = {
      // "/tasks/batch" stands before "/tasks/{}", which it would match too.
      {post, "/tasks", BodyRule::required, submit_task},
      {get, "/tasks", BodyRule::none, list_tasks},
      {post, "/tasks/batch", BodyRule::required, submit_batch},
      {get, "/tasks/{}", BodyRule::none, get_task},
      {post, "/tasks/{}/cancel", BodyRule::optional, cancel_task},
      {post, "/tasks/{}/redrive", BodyRule::optional, redrive_task},
      {post, "/tasks/{}/complete", BodyRule::required, complete_task},
      {post, "/tasks/{}/fail", BodyRule::required, fail_task},
      {post, "/tasks/{}/heartbeat", BodyRule::required, heartbeat_task},
      {post, "/tasks/{}/release", BodyRule::required, release_task},

      {post, "/leases", BodyRule::required, lease_tasks},
      {post, "/leases/settle", BodyRule::required, settle_tasks},

      {get, "/queues", BodyRule::none, list_queues},
      {get, "/queues/{}", BodyRule::none, get_queue},
      {put, "/queues/{}", BodyRule::required, put_queue},
      {patch, "/queues/{}", BodyRule::merge_patch, patch_queue},
      {del, "/queues/{}", BodyRule::none, delete_queue},
      {post, "/queues/{}/pause", BodyRule::optional, pause_queue},
      {post, "/queues/{}/resume", BodyRule::optional, resume_queue},
      {post, "/queues/{}/purge", BodyRule::required, purge_queue},
      {get, "/queues/{}/dead", BodyRule::none, list_dead},
      {post, "/queues/{}/dead/redrive", BodyRule::required, redrive_dead},
      {post, "/queues/{}/dead/discard", BodyRule::required, discard_dead},

      {get, "/healthz", BodyRule::none, get_healthz},
      {get, "/readyz", BodyRule::none, get_readyz},
      {get, "/info", BodyRule::none, get_info},
  };
  return routes;
}

}  // namespace quern::http

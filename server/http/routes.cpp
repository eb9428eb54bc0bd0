#include "http/endpoints.h"
#include "http/router.h"

namespace quern::http {

std::span<const Route> all_routes() {
  using enum Method;
  using enum access::Right;
  // Endpoints are constants of other files: copied at the first call, when all of them are there.
  static const Route routes[] = {
      // "/tasks/batch" stands before "/tasks/{}", which it would match too.
      {post, "/tasks", BodyRule::required, submit, submit_task},
      {get, "/tasks", BodyRule::none, read, list_tasks},
      {post, "/tasks/batch", BodyRule::required, submit, submit_batch},
      {get, "/tasks/{}", BodyRule::none, read, get_task},
      {post, "/tasks/{}/cancel", BodyRule::optional, cancel, cancel_task},
      {post, "/tasks/{}/redrive", BodyRule::optional, manage, redrive_task},
      {post, "/tasks/{}/complete", BodyRule::required, work, complete_task},
      {post, "/tasks/{}/fail", BodyRule::required, work, fail_task},
      {post, "/tasks/{}/heartbeat", BodyRule::required, work, heartbeat_task},
      {post, "/tasks/{}/release", BodyRule::required, work, release_task},

      {post, "/leases", BodyRule::required, work, lease_tasks},
      {post, "/leases/settle", BodyRule::required, work, settle_tasks},

      {get, "/queues", BodyRule::none, read, list_queues},
      {get, "/queues/{}", BodyRule::none, read, get_queue},
      {put, "/queues/{}", BodyRule::required, manage, put_queue},
      {patch, "/queues/{}", BodyRule::merge_patch, manage, patch_queue},
      {del, "/queues/{}", BodyRule::none, manage, delete_queue},
      {post, "/queues/{}/pause", BodyRule::optional, manage, pause_queue},
      {post, "/queues/{}/resume", BodyRule::optional, manage, resume_queue},
      {post, "/queues/{}/purge", BodyRule::required, manage, purge_queue},
      {get, "/queues/{}/dead", BodyRule::none, read, list_dead},
      {post, "/queues/{}/dead/redrive", BodyRule::required, manage, redrive_dead},
      {post, "/queues/{}/dead/discard", BodyRule::required, manage, discard_dead},

      {post, "/admin/drain", BodyRule::optional, operate, start_drain},
      {del, "/admin/drain", BodyRule::none, operate, end_drain},
      {post, "/admin/backups", BodyRule::optional, operate, create_backup},
      {get, "/admin/backups", BodyRule::none, operate, list_backups},
      {post, "/admin/backups/{}/verify", BodyRule::optional, operate, verify_backup},

      {get, "/healthz", BodyRule::none, open, get_healthz},
      {get, "/readyz", BodyRule::none, open, get_readyz},
      {get, "/info", BodyRule::none, known, get_info},
      {get, "/metrics", BodyRule::none, observe, get_metrics},
      {get, "/admin/doctor", BodyRule::none, operate, get_doctor},
  };
  return routes;
}

}  // namespace quern::http

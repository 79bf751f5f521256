{{ config(materialized='table', tags=['mart']) }}

-- What each customer has spent; who never ordered has spent nothing.
select
    users.user_id,
    users.email,
    coalesce(sum(orders.amount), 0) as total_amount
from {{ ref('stg_users.ff') }} as users
left join {{ ref('stg_orders.ff') }} as orders on orders.user_id = users.user_id
group by users.user_id, users.email
order by users.user_id

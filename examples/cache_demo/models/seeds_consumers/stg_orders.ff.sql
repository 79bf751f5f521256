{{ config(materialized='view', tags=['staging']) }}

select
    cast(id as integer) as order_id,
    cast(user_id as integer) as user_id,
    cast(amount as decimal(18, 3)) as amount
from {{ source('crm', 'orders') }}
